import { expect, it } from 'vitest';
import { lineOfPoints, type Line } from './line';
import { joinParts, splitLine } from './parts';
import { RawPoints } from './raw-points';
import type { CurveView } from './view';

function line(from: number, values: readonly number[]): Line {
  const raw = new RawPoints();
  values.forEach((value, i) => raw.append(from + i, value, i));
  return lineOfPoints(raw, raw.order('step'), raw.steps, (place) => place);
}

function view(lines: Line[]): CurveView {
  const last = lines.at(-1)?.x ?? new Float64Array();
  const smooth = { x: last.slice(), y: last.slice(), extent: 4 };
  return { ends: [last[0] ?? 0, last[last.length - 1] ?? 0], lines, smooth, width: 1 };
}

it('splits a line where another start of the training begins', () => {
  const [before, after] = splitLine(line(0, [1, 2, NaN, NaN, 5]), 3);
  expect([[...before.x], [...before.mean], [...before.holes]]).toEqual([[0, 1, 2], [1, 2, NaN], [2, 2]]); // prettier-ignore
  expect([[...after.x], [...after.mean], [...after.holes]]).toEqual([[3, 4], [NaN, 5], [3, 3]]); // prettier-ignore
  expect(splitLine(line(0, [1]), 5)[1].x).toHaveLength(0);
});

it('lets the newest start count from its first step on, and keeps what it replaced apart', () => {
  const joined = joinParts([
    { view: view([line(0, [1, 1, 1, 1])]), until: 2 },
    { view: view([line(2, [9, 9])]), until: null },
  ]);
  expect(joined?.lines.map(({ role, line: { x, mean } }) => [role, [...x], [...mean]])).toEqual([
    ['main', [0, 1], [1, 1]],
    ['replaced', [2, 3], [1, 1]],
    ['main', [2, 3], [9, 9]],
  ]);
  // Nothing is smoothed across: each start has a line of its own.
  expect(joined?.smooth.map(({ x }) => [...x])).toEqual([[0, 1], [2, 3]]); // prettier-ignore
  expect(joined?.ends).toEqual([0, 3]);
  expect(joinParts([])).toBeNull();
});

it('tells earlier passes from the newest', () => {
  const joined = joinParts([{ view: view([line(0, [1]), line(0, [2])]), until: null }]);
  expect(joined?.lines.map(({ role }) => role)).toEqual(['pass', 'main']);
});
