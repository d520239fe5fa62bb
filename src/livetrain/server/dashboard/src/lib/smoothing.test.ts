import { expect, it } from 'vitest';
import { smooth } from './smoothing';

const ones = (n: number) => new Array<number>(n).fill(1);

it('leaves values as they are when there is nothing to smooth', () => {
  expect(smooth([1, 5, 2], ones(3), 0)).toEqual([1, 5, 2]);
});

it('has no bias towards zero at the start', () => {
  for (const value of smooth([4, 4, 4, 4], ones(4), 0.9)) expect(value).toBeCloseTo(4, 12);
});

it('weighs a merged point as the points that it stands for', () => {
  const apart = smooth([0, 0, 0, 8], ones(4), 0.5).at(-1);
  const merged = smooth([0, 8], [3, 1], 0.5).at(-1);
  expect(merged).toBeCloseTo(apart ?? Number.NaN, 12);
});
