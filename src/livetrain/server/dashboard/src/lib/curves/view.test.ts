import { describe, expect, it } from 'vitest';
import { Buckets } from './buckets';
import { levelFor, widthAt, type Placing } from './grid';
import { KnownCurve } from './known-curve';
import { randomOf } from './random.testing';
import { RawPoints } from './raw-points';
import { placesOf } from './tiles';
import { missingOf, viewOf, type CurveView, type ViewOptions } from './view';
import { WHOLE, WholeCurve } from './whole-curve';

const BY_STEP: ViewOptions = {
  axis: 'step',
  originUs: 0,
  batchesPerEpoch: 0,
  window: null,
  notch: 1,
  exact: false,
  part: null,
};
type Values = (step: number) => number;
const SECOND = 1e6;

/** Between two places; by time there is a step a second. */
function stretches(values: Values, from: number, to: number, width: number, placing: Placing): Buckets {
  const buckets = new Buckets();
  const unit = placing === 'step' ? 1 : SECOND;
  for (let step = Math.ceil(from / unit); step <= to / unit; step++) {
    buckets.add(Math.floor((step * unit) / width), values(step));
  }
  return buckets;
}

/** As the server would answer about the first `length` points. */
function reloaded(values: Values, length: number, placing: Placing = 'step'): KnownCurve {
  const curve = new KnownCurve();
  const last = (length - 1) * (placing === 'step' ? 1 : SECOND);
  const level = levelFor(placing, 0, last, WHOLE);
  const buckets = stretches(values, 0, last, widthAt(placing, level), placing);
  curve.put({ kind: 'whole', whole: new WholeCurve(placing, level, buckets, 0, last), firstSteps: [] }, []);
  return curve;
}

function zoomed(curve: KnownCurve, values: Values, options: ViewOptions): CurveView {
  for (const run of missingOf(curve, options)) {
    const [from, to] = placesOf(run);
    const buckets = stretches(values, from, to, widthAt(run.placing, run.level), run.placing);
    curve.put({ kind: 'tiles', run, buckets, offset: 0 }, []);
  }
  expect(missingOf(curve, options)).toEqual([]);
  return need(viewOf(curve, options));
}

function need<T>(found: T | null): T {
  if (found === null) throw new Error('there is none');
  return found;
}

function noise(length: number, seed: number): Values {
  const random = randomOf(seed);
  const values = Float64Array.from({ length }, () => 1 + random());
  return (step) => values[step] ?? Number.NaN;
}

/** A line's value at x, straight between its points. */
function valueAt(x: ArrayLike<number>, y: ArrayLike<number>, at: number): number {
  let after = 0;
  while (after < x.length && (x[after] ?? 0) < at) after++;
  if (after === 0 || after === x.length) return Number.NaN;
  const [left, right] = [x[after - 1] ?? 0, x[after] ?? 0];
  const share = (at - left) / (right - left);
  return (y[after - 1] ?? 0) * (1 - share) + (y[after] ?? 0) * share;
}

describe('the smoothed curve', () => {
  it.each([300, 1000, 5000, 40_000, 300_000, 2_000_000])(
    'is the same live, reloaded and zoomed, for %i points of even noise',
    (length) => {
      const values = noise(length, length);
      const whole = reloaded(values, length);
      const far = need(need(viewOf(whole, BY_STEP)).smooth);
      const live = reloaded(values, Math.ceil(length / 3));
      for (let step = Math.ceil(length / 3); step < length; step++) {
        live.whole('step')?.append(step, values(step));
      }
      const grown = need(viewOf(live, BY_STEP)).smooth;
      expect(grown?.extent).toBe(far.extent);
      far.y.forEach((value, i) => expect(grown?.y[i]).toBeCloseTo(value, 9));
      for (const part of [2, 10, 80]) {
        const window = [Math.floor(length * 0.6), Math.floor(length * 0.6 + length / part / 4)] as const;
        const near = need(zoomed(whole, values, { ...BY_STEP, window }).smooth);
        for (let i = 0; i <= 20; i++) {
          const at = window[0] + ((window[1] - window[0]) * i) / 20;
          const difference = valueAt(near.x, near.y, at) - valueAt(far.x, far.y, at);
          expect(Math.abs(difference), `1/${part} at ${at}`).toBeLessThan(0.01);
        }
      }
      // And it is where the noise is: 1.5, as near as a mean of so many can be.
      const [low, high] = [Math.min(...far.y.slice(20)), Math.max(...far.y)];
      if (length >= 40_000) expect([low > 1.45, high < 1.55]).toEqual([true, true]);
    },
    60_000,
  );

  it('is the same by time', () => {
    const values = noise(40_000, 7);
    const byTime: ViewOptions = { ...BY_STEP, axis: 'time' };
    const curve = reloaded(values, 40_000, 'time');
    const far = need(need(viewOf(curve, byTime)).smooth);
    const window = [30_000 * SECOND, 30_600 * SECOND] as const;
    const near = need(zoomed(curve, values, { ...byTime, window }).smooth);
    for (const at of [30_000, 30_333, 30_599]) {
      expect(Math.abs(valueAt(near.x, near.y, at) - valueAt(far.x, far.y, at))).toBeLessThan(0.01);
    }
  });

  it('is not drawn of few points, nor of what is a mean or a schedule', () => {
    expect(viewOf(reloaded(noise(255, 1), 255), { ...BY_STEP, notch: 6 })?.smooth).toBeNull();
    expect(viewOf(reloaded(noise(5000, 1), 5000), { ...BY_STEP, exact: true })?.smooth).toBeNull();
    expect(viewOf(reloaded(noise(5000, 1), 5000), { ...BY_STEP, notch: 0 })?.smooth).toBeNull();
  });
});

describe('the view of a curve', () => {
  it('shows 500 points of 40,000 when 500 steps are looked at', () => {
    const values = noise(40_000, 2);
    const curve = reloaded(values, 40_000);
    expect(viewOf(curve, BY_STEP)?.width).toBe(64);
    const { lines, width } = zoomed(curve, values, { ...BY_STEP, window: [20_000, 20_499] });
    expect(width).toBe(1);
    const seen = Array.from(lines[0]?.x ?? []).filter((x) => x >= 20_000 && x <= 20_499);
    expect(seen).toHaveLength(500);
    seen.forEach((x, i) => expect(lines[0]?.mean[i + 1]).toBe(values(x)));
  });

  it('keeps a spike at every zoom', () => {
    const values = (step: number) => (step === 12_900 ? 50 : 1);
    const curve = reloaded(values, 200_000);
    for (const half of [100_000, 12_000, 3000, 40, 2]) {
      const window = [Math.max(0, 12_900 - half), 12_900 + half] as const;
      const high = zoomed(curve, values, { ...BY_STEP, window }).lines[0]?.high ?? [];
      expect(Math.max(...high)).toBe(50);
    }
    expect(Math.max(...(viewOf(curve, BY_STEP)?.lines[0]?.high ?? []))).toBe(50);
  });

  it('stands in with the whole while a part is on its way', () => {
    const curve = reloaded(noise(40_000, 2), 40_000);
    const options = { ...BY_STEP, window: [20_000, 20_499] } as const;
    expect(missingOf(curve, options)).toHaveLength(1);
    expect(viewOf(curve, options)?.width).toBe(64);
  });

  it('asks for nothing beyond the ends of a curve', () => {
    const curve = reloaded(noise(40_000, 2), 40_000);
    expect(missingOf(curve, { ...BY_STEP, window: [50_000, 50_100] })).toEqual([]);
    expect(missingOf(curve, { ...BY_STEP, window: [39_990, 41_000] })[0]).toMatchObject({ last: 156 });
    expect(viewOf(curve, { ...BY_STEP, window: [50_000, 50_100] })).not.toBeNull();
  });
});

describe('a curve of which all points are known', () => {
  const known = (points: readonly [step: number, value: number][], offset = 0): KnownCurve => {
    const raw = new RawPoints();
    points.forEach(([step, value], i) => raw.append(step, value, i * SECOND));
    const curve = new KnownCurve();
    curve.put({ kind: 'points', points: raw, offset }, []);
    return curve;
  };

  it('is drawn exactly, by step, time and epoch', () => {
    const curve = known([[0, 1], [10, 3], [30, 2]]); // prettier-ignore
    const x = (options: Partial<ViewOptions>) => [
      ...(viewOf(curve, { ...BY_STEP, ...options })?.lines[0]?.x ?? []),
    ];
    expect(x({})).toEqual([0, 10, 30]);
    expect(x({ axis: 'time', originUs: -SECOND })).toEqual([1, 2, 3]);
    expect(x({ axis: 'epoch', batchesPerEpoch: 10 })).toEqual([0.1, 1.1, 3.1]);
    expect(x({ axis: 'epoch' })).toEqual([0, 10, 30]);
  });

  it('is drawn in passes by step, and in one line by time', () => {
    const epochs = Array.from({ length: 30 }, (_, i): [number, number] => [i % 10, i]);
    const curve = known(epochs);
    expect(viewOf(curve, BY_STEP)?.lines.map(({ mean }) => [...mean])).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
      [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    ]);
    const byTime = viewOf(curve, { ...BY_STEP, axis: 'time' })?.lines ?? [];
    expect(byTime.map(({ mean }) => [...mean])).toEqual([epochs.map(([, value]) => value)]);
  });

  it('takes what comes later, and each point once', () => {
    const raw = new RawPoints();
    raw.append(0, 1, 0);
    raw.append(1, 2, 1);
    const curve = new KnownCurve();
    const column = (steps: number[]) => ({
      name: 'x',
      attempt: 1,
      steps: Float64Array.from(steps),
      values: Float64Array.from(steps),
      timesUs: Float64Array.from(steps),
      offsets: Float64Array.from(steps),
    });
    // The answer holds all up to the event 1; what came while it was on its way may be in it.
    curve.put({ kind: 'points', points: raw, offset: 1 }, [column([1, 2])]);
    curve.append(column([3]));
    expect([...(viewOf(curve, BY_STEP)?.lines[0]?.x ?? [])]).toEqual([0, 1, 2, 3]);
    expect([...(viewOf(curve, BY_STEP)?.lines[0]?.count ?? [])]).toEqual([1, 1, 1, 1]);
  });

  it('is put together where it is long, and exact again where one looks closely', () => {
    const points = Array.from({ length: 6000 }, (_, i): [number, number] => [i, i]);
    const curve = known(points);
    expect(viewOf(curve, BY_STEP)?.width).toBe(8);
    expect(viewOf(curve, { ...BY_STEP, window: [100, 200] })?.width).toBe(1);
  });
});
