import { expect, it } from 'vitest';
import { clampRange, panRange, scaleRange } from './zoom';

it('zooms around the middle and ends where all is in view', () => {
  expect(scaleRange(null, [0, 100], 0.5)).toEqual([25, 75]);
  expect(scaleRange([25, 75], [0, 100], 4)).toBeNull();
});

it('moves no further than the ends', () => {
  expect(panRange([20, 40], [0, 100], 0.5)).toEqual([30, 50]);
  expect(panRange([20, 40], [0, 100], -5)).toEqual([0, 20]);
  expect(panRange([20, 40], [0, 100], 9)).toEqual([80, 100]);
  expect(panRange(null, [0, 100], 1)).toBeNull();
});

it('is no range when it is empty', () => {
  expect(clampRange([50, 50], [0, 100])).toBeNull();
});
