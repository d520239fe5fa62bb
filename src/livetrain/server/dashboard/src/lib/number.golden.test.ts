/** The page writes numbers by the same rule as the tiles' labels, which the trainer writes: both are held to the same examples. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatMetric } from './number';

const file = new URL('../../../../../../tests/golden/numbers.json', import.meta.url);
const examples = JSON.parse(readFileSync(file, 'utf8')) as [value: string, text: string][];
const KINDS = new Map([
  ['nan', Number.NaN],
  ['inf', Infinity],
  ['-inf', -Infinity],
]);

it.each(examples)('%s is "%s"', (value, text) => {
  // The page groups digits, and has a minus sign of its own.
  const plain = formatMetric(KINDS.get(value) ?? Number(value))
    .replaceAll(',', '')
    .replaceAll('−', '-');
  expect(plain).toBe(text);
});
