import { expect, it } from 'vitest';
import { isNear } from './near';

const box = { left: 10, top: 20, right: 30, bottom: 40 };

it.each([
  [20, 30, true],
  [6, 30, true],
  [5, 30, false],
  [34, 44, true],
  [34, 45, false],
  [20, 15, false],
])('%d, %d: %s', (x, y, expected) => {
  expect(isNear(x, y, box, 4)).toBe(expected);
});
