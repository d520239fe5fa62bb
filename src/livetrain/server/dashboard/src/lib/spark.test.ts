import { expect, it } from 'vitest';
import { sparkPath } from './spark';

it('draws a spark from corner to corner, and a flat one without dividing by zero', () => {
  expect(sparkPath([0, 1], 10, 4)).toBe('M0.0 4.0L10.0 0.0');
  expect(sparkPath([2, 2], 10, 4)).toBe('M0.0 4.0L10.0 4.0');
  expect(sparkPath([2], 10, 4)).toBe('');
});
