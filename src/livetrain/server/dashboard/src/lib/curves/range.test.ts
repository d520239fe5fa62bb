import { describe, expect, it } from 'vitest';
import { lineOfPoints, type Line } from './line';
import { rangeOf } from './range';
import { RawPoints } from './raw-points';

function line(values: readonly number[]): Line {
  const raw = new RawPoints(1);
  values.forEach((value, i) => raw.append(i, value, i));
  return lineOfPoints(raw, raw.order('step'), raw.steps, (place) => place);
}
const range = (values: readonly number[], { log = false, whole = false, from = 0, to = 1e9 } = {}) =>
  rangeOf([line(values)], from, to, log, whole);
const wave = Array.from({ length: 400 }, (_, i) => 2 + Math.sin(i));

describe('the range of y', () => {
  it('holds every value with a little room', () => {
    expect(range([1, 2, 3])).toMatchObject({ min: 0.9, max: 3.1, above: 0, below: 0 });
  });

  it('is not ruined by one value, and says how many are outside', () => {
    const spoilt = [...wave];
    spoilt[200] = 1e308;
    const found = range(spoilt);
    expect(found).toMatchObject({ above: 1, below: 0, highest: 1e308 });
    expect(found?.max).toBeLessThan(4);
    expect(found?.min).toBeLessThan(1.001);
    const all = range(spoilt, { whole: true });
    expect(all).toMatchObject({ above: 0, below: 0 });
    expect(all?.max).toBeGreaterThan(1e308);
    spoilt[100] = -1e300;
    expect(range(spoilt)).toMatchObject({ above: 1, below: 1 });
  });

  it('shows a spike that leaves room for the rest', () => {
    const spiky = [...wave];
    spiky[200] = 40;
    expect(range(spiky)).toMatchObject({ above: 0 });
    expect(range(spiky)?.max).toBeGreaterThan(40);
  });

  it('leaves nothing outside that is not rare', () => {
    const half = wave.map((value, i) => (i % 2 === 0 ? value : 1e9));
    expect(range(half)).toMatchObject({ above: 0, below: 0 });
    expect(range([1, 1e300])).toMatchObject({ above: 0, below: 0 });
  });

  it('has room for a constant, and for zero', () => {
    expect(range([5, 5, 5])).toMatchObject({ min: 4.5, max: 5.5 });
    expect(range([0, 0])).toMatchObject({ min: -1, max: 1 });
    expect(range([7, 7], { log: true })?.min).toBeLessThan(7);
    expect(range([7, 7], { log: true })?.max).toBeGreaterThan(7);
    expect(range([0, 0, 0, 0, 0, 0, 3])).toMatchObject({ above: 0 });
  });

  it('holds the largest numbers there are', () => {
    const found = range([-1.7e308, 1.7e308]);
    expect(found?.min).toBeLessThanOrEqual(-1.7e308);
    expect(Number.isFinite(found?.max)).toBe(true);
    expect(Number.isFinite(range([1.7e308], { log: true })?.max)).toBe(true);
  });

  it('says that there is nothing to draw', () => {
    expect(range([])).toBeNull();
    expect(range([NaN, Infinity])).toBeNull();
    expect(range([0, -1], { log: true })).toBeNull();
    expect(range([1, 2], { from: 5, to: 6 })).toBeNull();
    expect(range([1, 2], { from: -5, to: -4 })).toBeNull();
  });

  it('is of what is in view, be it only a piece of a line', () => {
    expect(range([100, 1, 3, 100], { from: 1.2, to: 1.3 })).toMatchObject({ min: 0.9, max: 3.1 });
    expect(range([100, 1, 2, 100], { from: 1, to: 2 })?.max).toBeLessThan(3);
  });
});
