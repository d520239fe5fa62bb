import { expect, it } from 'vitest';
import { Buckets } from './buckets';
import { levelFor, widthAt, type Placing } from './grid';
import { randomOf } from './random.testing';
import { WHOLE, WholeCurve } from './whole-curve';

function answer(points: readonly [place: number, value: number][], placing: Placing, offset = 0): WholeCurve {
  const places = points.map(([place]) => place);
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const level = points.length === 0 ? 0 : levelFor(placing, first, last, WHOLE);
  const buckets = new Buckets();
  for (const [place, value] of points) buckets.add(Math.floor(place / widthAt(placing, level)), value);
  return new WholeCurve(placing, level, buckets, offset, last);
}
const rows = ({ buckets }: WholeCurve) => Array.from({ length: buckets.size }, (_, i) => buckets.at(i));

it.each(['step', 'time'] as const)('grows into what an answer about all of it is, by %s', (placing) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomOf(seed);
    const begin = Math.floor(random() * 1e5);
    const stride = 1 + Math.floor(random() * 5);
    const n = 50 + Math.floor(random() * 6000);
    const points = Array.from({ length: n }, (_, i): [number, number] => [begin + i * stride, random()]);
    const known = Math.floor(random() * n) + 1;
    const live = answer(points.slice(0, known), placing);
    for (const [place, value] of points.slice(known)) live.append(place, value);
    const reloaded = answer(points, placing);
    // In time 2 does not divide 5: a page that was there all the time may be one level further.
    if (placing === 'step') expect(live.level, `seed ${seed}`).toBe(reloaded.level);
    expect(live.level - reloaded.level).toBeLessThanOrEqual(1);
    expect(live.length).toBeGreaterThanOrEqual(n);
    if (live.level !== reloaded.level) continue;
    const without = (curve: WholeCurve) => rows(curve).map((bucket) => ({ ...bucket, mean: 0 }));
    expect(without(live), `seed ${seed}`).toEqual(without(reloaded));
    reloaded.buckets.mean.subarray(0, reloaded.buckets.size).forEach((mean, i) => {
      if (Math.abs((live.buckets.mean[i] ?? 0) - mean) > 1e-12) throw new Error(`seed ${seed}: mean ${i}`);
    });
  }
});

it('keeps every spike', () => {
  const live = answer([], 'step');
  for (let step = 0; step < 50_000; step++) live.append(step, step === 12_900 ? 9 : 0);
  expect(Math.max(...rows(live).map(({ max }) => max))).toBe(9);
  expect(live.buckets.total()).toBe(50_000);
  expect(live.buckets.size).toBeLessThanOrEqual(WHOLE);
  expect(live.last).toBe(49_999);
});
