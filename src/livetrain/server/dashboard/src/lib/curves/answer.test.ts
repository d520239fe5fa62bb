import { expect, it } from 'vitest';
import { offsetOf, readMetrics, readPoints, readSummary, readTiles, readTimes, readWhole } from './answer';

it('says of the list what each newest value is, finite or not', () => {
  const row = { points: 2, nonfinite: 1, last_step: 3, last_time: 1.5, attempt: 2 };
  const { tips, total, next } = readSummary({
    metrics: [
      { ...row, name: 'a', last: 0.5, last_finite: 0.5, last_finite_step: 3 },
      { ...row, name: 'b', last: null, last_kind: 'inf', last_finite: 1, last_finite_step: 2 },
      { ...row, name: 'c', last: null, last_kind: '-inf' },
      { ...row, name: 'd', last: null, last_kind: 'nan' },
    ],
    total: 9,
    next: 'd',
  });
  expect(tips.map(({ value }) => value)).toEqual([0.5, Infinity, -Infinity, NaN]);
  expect(tips[1]).toEqual({ name: 'b', step: 3, value: Infinity, timeUs: 1.5e6, points: 2, nonfinite: 1, lastFinite: 1, lastFiniteStep: 2, attempt: 2 }); // prettier-ignore
  expect([total, next]).toEqual([9, 'd']);
});

it.each([null, 7, {}, { metrics: 1 }])('takes no other answer: %j', (answer) => {
  expect(() => readSummary(answer)).toThrow('not readable');
  expect(() => readMetrics(answer)).toThrow('not readable');
});

// A server of before knows no `stat=buckets`: whatever is asked, it answers with points, down-sampled where there are many.
const OLDER = {
  steps: [0, 1, 2, 3, 2000],
  values: [1, null, 3, 5, null],
  times: [10, 11, 12, 13, 14],
  nonfinite: [
    { step: 1, kind: 'nan' },
    { step: 2000, kind: 'inf' },
  ],
};

it('makes stretches of what an older server answers', () => {
  expect(offsetOf(OLDER)).toBeNull();
  const whole = readWhole(OLDER, 'step', 5);
  expect([whole.width, whole.last, whole.offset]).toEqual([2, 2000, 5]);
  const rows = [0, 1, 2].map((i) => whole.buckets.at(i));
  expect(rows.map(({ index, count, mean, min, max, nonfinite }) => [index, count, mean, min, max, nonfinite])).toEqual([
    [0, 1, 1, 1, 1, 1],
    [1, 2, 4, 3, 5, 0],
    [1000, 0, NaN, NaN, NaN, 1],
  ]); // prettier-ignore
  const near = readTiles(OLDER, 'step', 0);
  expect([near.size, near.at(3).mean]).toEqual([5, 5]);
  expect(readTiles(OLDER, 'time', 18).at(0).index).toBe(10);
  expect(readTimes(OLDER)[1].slice(0, 2)).toEqual([10e6, 11e6]);
});

it('says what kind each value is that JSON has no number for', () => {
  expect([...readPoints(OLDER).values].slice(0, 5)).toEqual([1, NaN, 3, 5, Infinity]);
  expect(readWhole({}, 'step', 0).buckets.size).toBe(0);
});
