import { describe, expect, it } from 'vitest';
import { Buckets, coarsen } from './buckets';
import { levelFor, widthAt } from './grid';
import { randomOf } from './random.testing';
import { extentOf, smooth } from './smooth';

const MOST = 1024;

function known(values: (step: number) => number, from: number, to: number, width: number): Buckets {
  const buckets = new Buckets();
  for (let step = from; step < to; step++) buckets.add(Math.floor(step / width), values(step));
  return buckets;
}

/** The definition, point by point. */
function exact(values: (step: number) => number, length: number, tau: number): Float64Array {
  const smoothed = new Float64Array(length);
  const keep = Math.exp(-1 / tau);
  let sum = 0;
  let mass = 0;
  for (let step = 0; step < length; step++) {
    sum = sum * keep + values(step);
    mass = mass * keep + 1;
    smoothed[step] = sum / mass;
  }
  return smoothed;
}

const noise = (length: number, seed: number) => {
  const random = randomOf(seed);
  const values = Float64Array.from({ length }, () => 1 + random());
  return (step: number) => values[step] ?? 0;
};

const need = (extent: number | null): number => {
  if (extent === null) throw new Error('this notch does not smooth');
  return extent;
};

describe('smoothing', () => {
  it.each([100, 777, 1000, 4096, 40_000, 1_000_000, 10_000_000])(
    'is what it is defined to be, within a hundredth of the range, for %i points of even noise',
    (length) => {
      const values = noise(length, length);
      const width = widthAt('step', levelFor('step', 0, length - 1, MOST));
      const buckets = known(values, 0, length, width);
      for (const notch of [1, 2, 6]) {
        const extent = extentOf(notch, length, width);
        if (extent === null) continue;
        const truth = exact(values, length, extent);
        const { at, values: smoothed } = smooth(buckets, width, extent, length - 1);
        let worst = 0;
        at.forEach((x, i) => (worst = Math.max(worst, Math.abs((truth[x] ?? 0) - (smoothed[i] ?? 0)))));
        expect(worst, `notch ${notch}`).toBeLessThan(0.01);
      }
    },
    60_000,
  );

  it('does not change with what comes later', () => {
    const values = noise(6000, 3);
    const extent = need(extentOf(2, 6000, 8));
    const early = smooth(known(values, 0, 4000, 8), 8, extent, 3999);
    const late = smooth(known(values, 0, 6000, 8), 8, extent, 5999);
    const sure = early.at.length - 1;
    expect([...late.values.subarray(0, sure)]).toEqual([...early.values.subarray(0, sure)]);
  });

  it('is the same from points that came one by one as from an answer about all', () => {
    const values = noise(50_000, 5);
    const answer = known(values, 0, 50_000, 64);
    let live = new Buckets();
    let width = 1;
    for (let step = 0; step < 50_000; step++) {
      live.add(Math.floor(step / width), values(step));
      while (live.size > MOST) [live, width] = [coarsen(live, 2), width * 2];
    }
    expect(width).toBe(64);
    const extent = need(extentOf(1, 50_000, 64));
    const [one, other] = [live, answer].map((known) => smooth(known, 64, extent, 49_999));
    one?.values.forEach((value, i) => expect(value).toBeCloseTo(other?.values[i] ?? 0, 10));
  });

  it('weighs each value the same, one in a stretch or a thousand', () => {
    const buckets = new Buckets();
    for (let i = 0; i < 1000; i++) buckets.add(0, 1);
    buckets.add(1, 1001);
    const { values } = smooth(buckets, 1, 1e9, 1);
    expect(values[1]).toBeCloseTo(2001 / 1001, 6);
  });

  it('is not ruined by one value that nothing else compares with', () => {
    const buckets = new Buckets();
    for (let i = 0; i < 500; i++) buckets.add(i, i === 200 ? 1e308 : 1 + (i % 2));
    const { values } = smooth(buckets, 1, 16, 499);
    expect(Math.max(...values)).toBeLessThan(2);
    const spiky = new Buckets();
    for (let i = 0; i < 500; i++) spiky.add(i, i === 200 ? 1000 : 1);
    expect(Math.max(...smooth(spiky, 1, 16, 499).values)).toBeGreaterThan(30);
  });

  it('holds the largest numbers, and breaks where something was not finite', () => {
    const buckets = new Buckets();
    [1.7e308, NaN, 1.7e308].forEach((value, i) => buckets.add(i, value));
    expect([...smooth(buckets, 1, 4, 2).values]).toEqual([1.7e308, NaN, 1.7e308]);
  });

  it('has extents that hold while a run grows, and double with it', () => {
    const extents = [200, 1000, 1024, 1025, 2048, 40_000].map((length) =>
      extentOf(1, length, widthAt('step', levelFor('step', 0, length - 1, MOST))),
    );
    expect(extents).toEqual([2, 8, 8, 16, 16, 512]);
    expect(extentOf(0, 1000, 1)).toBeNull();
    expect(extentOf(1, 100, 1)).toBeNull();
    for (let length = 200; length < 1e6; length = Math.ceil(length * 1.37)) {
      const width = widthAt('step', levelFor('step', 0, length - 1, MOST));
      const extent = need(extentOf(1, length, width));
      expect(extent).toBeGreaterThanOrEqual(length / 128);
      expect(extent).toBeLessThan(length / 64);
    }
  });
});
