import { expect, it } from 'vitest';
import { lineOfPoints } from './line';
import type { DrawnLine } from './parts';
import { RawPoints } from './raw-points';
import { placeWords, readingAt } from './reading';
import { placeFrom, placeNearest } from './search';

const line = (values: readonly [number, number][]) => {
  const raw = new RawPoints();
  for (const [step, value] of values) raw.append(step, value, step);
  return lineOfPoints(raw, raw.order('step'), raw.steps, (place) => place);
};

it('reads the nearest point of the newest pass', () => {
  const lines: DrawnLine[] = [
    { role: 'pass', line: line([[0, 9], [1, 9]]) }, // prettier-ignore
    { role: 'main', line: line([[0, 1], [10, 2], [20, NaN], [30, 4]]) }, // prettier-ignore
    { role: 'replaced', line: line([[6, 7]]) }, // prettier-ignore
  ];
  expect(readingAt({ lines, smooth: [] }, 6)).toEqual({ x: 10, value: 2, smoothed: null, count: 1 });
  expect(readingAt({ lines, smooth: [] }, 19)?.value).toBeNaN();
  expect(readingAt({ lines, smooth: [] }, 1e9)?.value).toBe(4);
  const smooth = [{ x: Float64Array.of(0, 12, 30), y: Float64Array.of(1, 1.5, 3), extent: 8 }];
  expect(readingAt({ lines, smooth }, 6)?.smoothed).toBe(1.5);
  expect(readingAt({ lines: [{ role: 'main', line: line([]) }], smooth: [] }, 6)).toBeNull();
});

it('finds places in ascending numbers', () => {
  const numbers = Float64Array.of(1, 3, 3, 7);
  expect([0, 1, 2, 3, 4, 8].map((wanted) => placeFrom(numbers, wanted))).toEqual([0, 0, 1, 1, 3, 4]);
  expect([0, 2.1, 4.9, 5.1, 99].map((wanted) => placeNearest(numbers, wanted))).toEqual([0, 1, 2, 3, 3]);
  expect(placeNearest(new Float64Array(), 1)).toBeNull();
});

it('says where that is', () => {
  expect(placeWords('step', 1240)).toBe('Step 1,240');
  expect(placeWords('step', 31.5)).toBe('Step 31.5');
  expect(placeWords('time', 3725)).toBe('1:02:05');
  expect(placeWords('time', 12.34)).toBe('12.3 s');
  expect(placeWords('epoch', 2.5)).toBe('Epoch 2.50');
});
