/** What is smoothed how, written down once: the server's stretches and the page's give the same curve. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { levelAt } from './grid';
import { RawPoints } from './raw-points';
import { smooth } from './smooth';

interface Example {
  what: string;
  width: number;
  extent: number;
  until: number;
  points: [step: number, value: number][];
  at: number[];
  values: number[];
}

const file = new URL('../../../../../../../tests/golden/smoothing.json', import.meta.url);
const examples = JSON.parse(readFileSync(file, 'utf8')) as Example[];

it.each(examples)('$what', ({ width, extent, until, points, at, values }) => {
  const raw = new RawPoints();
  points.forEach(([step, value], i) => raw.append(step, value, i));
  const found = smooth(raw.buckets('step', levelAt('step', width)), width, extent, until);
  expect([...found.at]).toEqual(at);
  found.values.forEach((value, i) => expect(value).toBeCloseTo(values[i] ?? Number.NaN, 10));
});
