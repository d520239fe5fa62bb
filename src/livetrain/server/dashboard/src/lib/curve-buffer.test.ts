import { describe, expect, it } from 'vitest';
import { CurveBuffer } from './curve-buffer';

/** A small generator of our own, so that a failure can be seen again. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

describe('CurveBuffer', () => {
  it('keeps every point while there is room', () => {
    const curve = new CurveBuffer(8);
    [3, 1, 2].forEach((value, step) => curve.append(step, value, step));
    expect(curve.polyline()).toMatchObject({ steps: [0, 1, 2], values: [3, 1, 2] });
    expect(curve.last).toEqual({ step: 2, value: 2, time: 2 });
  });

  it('stays within its bound and loses no spike over a million points', () => {
    const curve = new CurveBuffer(256);
    const next = random(7);
    for (let step = 0; step < 1_000_000; step++) {
      const value = step === 123_456 ? 99 : step === 654_321 ? -99 : next();
      curve.append(step, value, step);
    }
    const { steps, values, weights } = curve.polyline();
    expect(curve.size).toBeLessThanOrEqual(256);
    expect(steps[values.indexOf(99)]).toBe(123_456);
    expect(steps[values.indexOf(-99)]).toBe(654_321);
    expect(curve.total).toBe(1_000_000);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1_000_000, 3);
  });

  it('spreads its detail evenly, however long the run goes on', () => {
    const curve = new CurveBuffer(256);
    for (let step = 0; step < 100_000; step++) curve.append(step, Math.sin(step), step);
    const { steps } = curve.polyline();
    const inFirstTenth = steps.filter((step) => step < 10_000).length / steps.length;
    expect(inFirstTenth).toBeGreaterThan(0.05);
    expect(inFirstTenth).toBeLessThan(0.2);
  });

  it('keeps steps ascending when ranks come out of order', () => {
    const curve = new CurveBuffer(32);
    const next = random(3);
    for (let i = 0; i < 2000; i++) curve.append(Math.max(0, i - Math.floor(next() * 8)), next(), i);
    const { steps } = curve.polyline();
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(curve.total).toBe(2000);
  });

  it('gives a down-sampled start the weight of the points that it stands for', () => {
    const curve = new CurveBuffer(64);
    curve.replace([0, 500], [2, 1], [0, 500], 1000);
    for (let step = 1000; step < 1200; step++) curve.append(step, 0.5, step);
    const { steps, values } = curve.polyline();
    expect(curve.total).toBe(1200);
    expect(steps.slice(0, 2)).toEqual([0, 500]);
    expect(values.slice(0, 2)).toEqual([2, 1]);
  });

  it('counts what is not finite and draws the rest', () => {
    const curve = new CurveBuffer();
    curve.append(0, 1, 0);
    curve.append(1, Number.NaN, 1);
    curve.append(2, Infinity, 2);
    expect(curve.nonFinite).toEqual({ count: 2, lastStep: 2 });
    expect(curve.polyline().values).toEqual([1]);
  });

  it('refuses a capacity that cannot hold a curve', () => {
    expect(() => new CurveBuffer(1)).toThrow(/at least 4/);
  });
});
