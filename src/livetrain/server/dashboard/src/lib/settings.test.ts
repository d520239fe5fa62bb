import { expect, it } from 'vitest';
import { settingRows } from './settings';

it('reads settings as rows, and shows what is not JSON as it is', () => {
  expect(settingRows('{"lr":0.1,"optimizer":{"name":"SGD"},"layers":[1,2]}')).toEqual([
    ['lr', '0.1'],
    ['optimizer.name', 'SGD'],
    ['layers', '[1,2]'],
  ]);
  expect(settingRows('{oops')).toEqual([['settings', '{oops']]);
  expect(settingRows('')).toEqual([]);
});
