import { expect, it } from 'vitest';
import { quietMs, quietWords } from './quiet';

it('is worth saying from the second missed beat on', () => {
  expect(quietMs(1900, true)).toBe(0);
  expect(quietMs(2600, true)).toBe(2600);
  expect(quietWords(2600)).toBe('nothing for 3 s');
});

it('says nothing of an older server, which gives no beats', () => {
  expect(quietMs(60_000, false)).toBe(0);
});
