import { expect, it } from 'vitest';
import { justBefore } from './own-names';

it('stands right before a name', () => {
  expect(justBefore('loss') < 'loss').toBe(true);
  for (const other of ['losr', 'losrzz', 'los', 'alpha']) expect(other < justBefore('loss')).toBe(true);
});
