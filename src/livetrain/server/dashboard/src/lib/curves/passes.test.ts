import { expect, it } from 'vitest';
import { passesOf } from './passes';
import { RawPoints } from './raw-points';

function passes(steps: readonly number[]): number[][] {
  const points = new RawPoints(1);
  steps.forEach((step, i) => points.append(step, i, i));
  return passesOf(points).map((pass) => Array.from(pass, (at) => points.steps[at] ?? 0));
}

it('begins a new pass where steps begin again', () => {
  expect(passes([0, 1, 2, 0, 1, 2, 0, 1])).toEqual([[0, 1, 2], [0, 1, 2], [0, 1]]); // prettier-ignore
  expect(passes([0, 10, 20, 30, 5, 15])).toEqual([[0, 10, 20, 30], [5, 15]]); // prettier-ignore
  expect(passes([500, 501, 0, 1])).toEqual([[500, 501], [0, 1]]); // prettier-ignore
});

it('takes several values at one step, disorder and what is added later for what they are', () => {
  expect(passes([1, 1, 1, 2, 2])).toEqual([[1, 1, 1, 2, 2]]);
  expect(passes([0, 1, 2, 4, 3, 6, 5, 7])).toEqual([[0, 1, 2, 3, 4, 5, 6, 7]]);
  expect(passes([0, 1, 2, 3, 4, 5, 3, 6, 7])).toEqual([[0, 1, 2, 3, 3, 4, 5, 6, 7]]);
  expect(passes([])).toEqual([]);
});

it('goes by time, not by the order in which a server answers', () => {
  const points = new RawPoints();
  // By step, as answers are.
  for (const [step, time] of [[0, 1], [0, 11], [1, 2], [1, 12], [2, 3]] as const) points.append(step, time, time); // prettier-ignore
  const values = passesOf(points).map((pass) => Array.from(pass, (at) => points.values[at]));
  expect(values).toEqual([[1, 2, 3], [11, 12]]); // prettier-ignore
});
