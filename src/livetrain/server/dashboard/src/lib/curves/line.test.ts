import { expect, it } from 'vitest';
import { lineOfBuckets, lineOfPoints } from './line';
import { RawPoints } from './raw-points';

function points(values: readonly [step: number, value: number][]): RawPoints {
  const raw = new RawPoints(1);
  values.forEach(([step, value], i) => raw.append(step, value, i));
  return raw;
}
const same = (place: number) => place;
const line = (raw: RawPoints) => lineOfPoints(raw, raw.order('step'), raw.steps, same);

it('breaks where a value is not finite, and says where that was', () => {
  const { x, mean, holes } = line(points([[0, 1], [1, 2], [2, NaN], [3, Infinity], [4, 3], [5, NaN], [6, 4]])); // prettier-ignore
  expect([...x]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect([...mean]).toEqual([1, 2, NaN, NaN, 3, NaN, 4]);
  expect([...holes]).toEqual([2, 3, 5, 5]);
});

it('goes on where there is nothing', () => {
  const { x, mean, holes } = line(points([[0, 1], [100, 2]])); // prettier-ignore
  expect([[...x], [...mean], [...holes]]).toEqual([[0, 100], [1, 2], []]);
});

it('shows several values at one place as their mean and their spread, however they come', () => {
  const { x, mean, low, high, count } = line(points([[3, 1], [3, 2], [3, 6], [4, 5]])); // prettier-ignore
  expect([...x]).toEqual([3, 4]);
  expect([...mean]).toEqual([3, 5]);
  expect([[...low], [...high], [...count]]).toEqual([[1, 5], [6, 5], [3, 1]]); // prettier-ignore
  const buckets = points([[3, 1], [3, 2], [3, 6], [4, 5]]).buckets('step', 0); // prettier-ignore
  const other = lineOfBuckets(buckets, 1, same, [3, 4]);
  expect([...other.mean]).toEqual([3, 5]);
  expect([...other.x]).toEqual([3, 4]);
});

it('breaks beside what is finite in a stretch with something that is not', () => {
  const buckets = points([[0, 1], [1, 3], [4, 5], [5, NaN], [8, 7], [9, 9]]).buckets('step', 2); // prettier-ignore
  const { x, mean, low, high, holes } = lineOfBuckets(buckets, 4, same, [0, 9]);
  expect([...x]).toEqual([1.5, 5.5, 5.5, 9]);
  expect([...mean]).toEqual([2, 5, NaN, 8]);
  expect([[...low], [...high]]).toEqual([[1, 5, NaN, 7], [3, 5, NaN, 9]]); // prettier-ignore
  expect([...holes]).toEqual([5.5, 5.5]);
});

it('stands within its ends, where a stretch is filled in part', () => {
  const buckets = points([[5, 1], [6, 1], [9, 1]]).buckets('step', 2); // prettier-ignore
  expect([...lineOfBuckets(buckets, 4, same, [5, 8]).x]).toEqual([5.5, 8]);
});
