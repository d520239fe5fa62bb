/** The page's stretches are those of the server: both are held to the same examples. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { levelAt, widthAt, type Placing } from './grid';
import { RawPoints } from './raw-points';

interface Example {
  what: string;
  axis: Placing;
  width: number;
  points: [step: number, value: number | string, timeUs: number][];
  buckets: { start: number; count: number; nonfinite: number; mean?: number; min?: number; max?: number; first?: number; last?: number }[]; // prettier-ignore
}

const file = new URL('../../../../../../../tests/golden/buckets.json', import.meta.url);
const examples = JSON.parse(readFileSync(file, 'utf8')) as Example[];

it.each(examples)('$what', ({ axis, width, points, buckets: wanted }) => {
  const level = levelAt(axis, width);
  expect(widthAt(axis, level)).toBe(width);
  const raw = new RawPoints();
  for (const [step, value, timeUs] of points) raw.append(step, Number(value), timeUs);
  const buckets = raw.buckets(axis, level);
  expect(buckets.size).toBe(wanted.length);
  wanted.forEach((bucket, i) => {
    const { index, mean, ...found } = buckets.at(i);
    const { min = NaN, max = NaN, first = NaN, last = NaN, count, nonfinite } = bucket;
    expect(found).toEqual({ min, max, first, last, count, nonfinite });
    expect(index * width).toBe(bucket.start);
    const room = Math.max(Math.abs(min), Math.abs(max)) * 1e-12;
    if (bucket.mean !== undefined) expect(Math.abs(mean - bucket.mean)).toBeLessThanOrEqual(room);
  });
});
