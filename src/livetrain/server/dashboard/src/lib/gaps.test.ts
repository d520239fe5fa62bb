import { expect, it } from 'vitest';
import { gapMarks, gapsOf, isLeftOut } from './gaps';

const line = (steps: number[], weight = 1) => ({ steps, weights: steps.map(() => weight) });

it('makes one gap of a thinned stretch, where every second record is still there', () => {
  expect(gapsOf(line([100, 102, 104, 106]), 1000)).toEqual([{ from: 100, to: 106, records: 4 }]);
});

it('keeps apart what lies apart, and joins what is near on a long run', () => {
  expect(gapsOf(line([100, 102, 300, 302]), 1000)).toHaveLength(2);
  expect(gapsOf(line([100, 300, 500, 90_000], 50), 100_000)).toEqual([
    { from: 100, to: 500, records: 150 },
    { from: 90_000, to: 90_000, records: 50 },
  ]);
  expect(gapsOf(line([]), 0)).toEqual([]);
});

it('knows where a longer gap ends', () => {
  const told = { steps: [100, 5000, 9000, 9001], weights: [4000, 0, 1, 1] };
  expect(gapsOf(told, 10_000)).toEqual([
    { from: 100, to: 5000, records: 4000 },
    { from: 9000, to: 9001, records: 2 },
  ]);
});

it('says of each gap what is missing, and where', () => {
  const marks = gapMarks([
    { from: 100, to: 2000, records: 1234.4 },
    { from: 5000, to: 5000, records: 1 },
  ]);
  expect(marks.map(({ step, text }) => [step, text])).toEqual([
    [100, '1,234 records were left out from step 100 to 2,000'],
    [5000, '1 record was left out at step 5,000'],
  ]);
});

it('knows its curve, of any rank', () => {
  expect(['livetrain/left_out', 'rank1/livetrain/left_out', 'loss', 'left_out'].map(isLeftOut)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
