import { expect, it } from 'vitest';
import { scaleOf } from './scale';

it('goes from numbers to pixels and back', () => {
  const { toPixel, toValue } = scaleOf(10, 20, 100, 0);
  expect([10, 15, 20].map(toPixel)).toEqual([100, 50, 0]);
  expect([100, 50, 0].map(toValue)).toEqual([10, 15, 20]);
});

it('places by logarithm, and what has none far below', () => {
  const { toPixel, toValue } = scaleOf(0.01, 100, 0, 400, true);
  expect([0.01, 1, 100].map((value) => Math.round(toPixel(value)))).toEqual([0, 200, 400]);
  expect(toValue(200)).toBeCloseTo(1, 10);
  expect(toPixel(-1)).toBeLessThan(-1000);
  expect(Number.isFinite(toPixel(0))).toBe(true);
});

it('holds the largest numbers there are, and a single one', () => {
  const { toPixel } = scaleOf(-1.7e308, 1.7e308, 0, 100);
  expect([-1.7e308, 0, 1.7e308].map(toPixel)).toEqual([0, 50, 100]);
  expect(Number.isFinite(scaleOf(5, 5, 0, 100).toPixel(5))).toBe(true);
  expect(Number.isFinite(scaleOf(0, 1, 0, 100).toPixel(1e308))).toBe(true);
});
