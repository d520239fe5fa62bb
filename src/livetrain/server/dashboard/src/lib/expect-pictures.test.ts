import { expect, it } from 'vitest';
import { expectPictures } from './expect-pictures';

const fresh = { painted: false, over: false, logged: false, report: null, waited: false };
const none = { framesSent: 0, stripped: new Map<string, number>() };
const some = { framesSent: 3, stripped: new Map<string, number>() };

it('shows what is painted', () => {
  expect(expectPictures({ ...fresh, painted: true, over: true, report: none })).toBe('shown');
});

it('waits while pictures may come', () => {
  expect(expectPictures(fresh)).toBe('waiting');
  expect(expectPictures({ ...fresh, logged: true, waited: true })).toBe('waiting');
  expect(expectPictures({ ...fresh, logged: true, waited: true, report: some })).toBe('waiting');
  expect(
    expectPictures({
      ...fresh,
      logged: true,
      waited: true,
      report: { ...none, stripped: new Map([['rate', 16]]) },
    }),
  ).toBe('waiting');
  expect(expectPictures({ ...fresh, over: true, report: some })).toBe('waiting');
});

it('has no place for pictures where there are none', () => {
  expect(expectPictures({ ...fresh, logged: true, waited: true, report: none })).toBe('none');
  expect(expectPictures({ ...fresh, over: true, report: none })).toBe('none');
  expect(expectPictures({ ...fresh, over: true, report: some, waited: true })).toBe('none');
  expect(expectPictures({ ...fresh, over: true, waited: true })).toBe('none');
});
