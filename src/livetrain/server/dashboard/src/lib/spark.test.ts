import { expect, it } from 'vitest';
import { sparkPath } from './spark';

it('fits the lowest to the bottom and the highest to the top', () => {
  expect(sparkPath({ steps: [0, 1, 2], values: [2, 0, 1] }, 100, 20)).toBe('M0.0 0.0L50.0 20.0L100.0 10.0');
});

it('goes by step, not by the count of points', () => {
  expect(sparkPath({ steps: [0, 10, 100], values: [1, 0, 1] }, 100, 10)).toBe('M0.0 0.0L10.0 10.0L100.0 0.0');
});

it('breaks where it is not finite, and keeps a point that stands alone', () => {
  const values = [0, 1, Number.NaN, 1, Infinity, 0, 1];
  expect(sparkPath({ steps: [0, 1, 2, 3, 4, 5, 6], values }, 60, 10)).toBe(
    'M0.0 10.0L10.0 0.0M30.0 0.0h0.01M50.0 10.0L60.0 0.0',
  );
});

it('draws what never changes, and nothing where there is nothing', () => {
  expect(sparkPath({ steps: [0, 4], values: [3, 3] }, 100, 20)).toBe('M0.0 10.0L100.0 10.0');
  expect(sparkPath({ steps: [7], values: [1] }, 100, 20)).toBe('');
  expect(sparkPath({ steps: [0, 1], values: [NaN, NaN] }, 100, 20)).toBe('');
  expect(sparkPath({ steps: [], values: [] }, 100, 20)).toBe('');
});

it('draws the largest numbers that there are', () => {
  const path = sparkPath({ steps: [0, 1], values: [-1.7e308, 1.7e308] }, 100, 20);
  expect(path).toBe('M0.0 20.0L100.0 0.0');
});
