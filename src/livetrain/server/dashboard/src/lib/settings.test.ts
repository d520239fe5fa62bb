import { expect, it } from 'vitest';
import { searchSettings, settingRows } from './settings';

const pairs = (json: string) => settingRows(json).map(({ name, value }) => [name, value]);

it('reads settings as rows, and shows what is not JSON as it is', () => {
  expect(pairs('{"lr":0.1,"optimizer":{"name":"SGD"},"layers":[1,2],"none":{},"off":null}')).toEqual([
    ['lr', '0.1'],
    ['optimizer.name', 'SGD'],
    ['layers', '[1,2]'],
    ['none', '{}'],
    ['off', 'null'],
  ]);
  expect(pairs('{oops')).toEqual([['settings', '{oops']]);
  expect(pairs('')).toEqual([]);
  expect(pairs('{}')).toEqual([]);
});

it('shows each number as it was given', () => {
  expect(
    pairs('{"seed":12345678901234567890,"text":"12345678901234567890","lr":1e-4,"x":NaN,"y":-Infinity}'),
  ).toEqual([
    ['seed', '12345678901234567890'],
    ['text', '12345678901234567890'],
    ['lr', '0.0001'],
    ['x', 'NaN'],
    ['y', '-Infinity'],
  ]);
});

it('takes any name and any depth', () => {
  expect(pairs('{"__proto__":1,"constructor":{"toString":2}}')).toEqual([
    ['__proto__', '1'],
    ['constructor.toString', '2'],
  ]);
  const deep = '{"a":'.repeat(400) + '1' + '}'.repeat(400);
  expect(pairs(deep)[0]?.[1]).toBe('1');
  const deeper = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);
  expect(pairs(deeper)[0]?.[0]).toMatch(/^settings$|^a\./);
});

it('finds settings by all words, in names and values', () => {
  const rows = settingRows('{"learning_rate":0.1,"optimizer":{"name":"SGD","momentum":0.9}}');
  const found = (search: string) => searchSettings(rows, search).map(({ name }) => name);
  expect(found('')).toHaveLength(3);
  expect(found('OPT sgd')).toEqual(['optimizer.name']);
  expect(found('0.1')).toEqual(['learning_rate']);
  expect(found('nothing')).toEqual([]);
});
