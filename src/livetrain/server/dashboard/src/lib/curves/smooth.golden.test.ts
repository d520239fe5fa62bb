/** Smoothing is what it is defined to be: the page and the server's tests are held to the same examples. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Buckets } from './buckets';
import { smooth } from './smooth';

interface Example {
  what: string;
  width: number;
  extent: number;
  points: [step: number, value: number][];
  smoothed: number[];
}

const file = new URL('../../../../../../../tests/golden/smoothing.json', import.meta.url);
const examples = JSON.parse(readFileSync(file, 'utf8')) as Example[];

it.each(examples)('$what', ({ width, extent, points, smoothed }) => {
  const buckets = new Buckets();
  for (const [step, value] of points) buckets.add(Math.floor(step / width), value);
  const until = Math.max(...points.map(([step]) => step));
  const { values } = smooth(buckets, width, extent, until);
  expect(values.length).toBe(smoothed.length);
  smoothed.forEach((value, i) => {
    expect(Math.abs((values[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(1e-9 * Math.abs(value));
  });
});
