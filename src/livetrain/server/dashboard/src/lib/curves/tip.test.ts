import { expect, it } from 'vitest';
import type { PointColumns } from '../points';
import { TipBook, tipOf, untilWords } from './tip';

function columns(name: string, points: readonly [step: number, value: number][], attempt = 1): PointColumns {
  return {
    name,
    attempt,
    steps: Float64Array.from(points, ([step]) => step),
    values: Float64Array.from(points, ([, value]) => value),
    timesUs: Float64Array.from(points, ([step]) => step * 1000),
    offsets: Float64Array.from(points, ([step]) => step),
  };
}

it('says the newest value, also where it is not a number, and the last finite one', () => {
  const book = new TipBook();
  book.append([columns('loss', [[118, 0.2], [119, 0.185], [120, NaN]])]); // prettier-ignore
  book.append([columns('loss', [[121, Infinity]])]);
  expect(book.get('loss')).toEqual({
    name: 'loss',
    attempt: 1,
    step: 121,
    value: Infinity,
    timeUs: 121_000,
    points: 4,
    nonfinite: 2,
    lastFinite: 0.185,
    lastFiniteStep: 119,
  });
});

it('is the newest by time, where a run was resumed from an older step or counts its steps anew', () => {
  const book = new TipBook();
  book.append([columns('loss', [[998, 0.3], [999, 0.247]])]); // prettier-ignore
  book.append([columns('loss', [[500, 9.5], [649, 9]], 2)]); // prettier-ignore
  expect(book.get('loss')).toMatchObject({ step: 649, value: 9, points: 4 });
  // What the first start had kept on its disk comes after all.
  book.append([columns('loss', [[1000, 0.2]])]);
  expect(book.get('loss')).toMatchObject({ step: 649, value: 9, points: 5 });
  book.append([columns('loss', [[0, 8]], 2)]);
  expect(book.get('loss')).toMatchObject({ step: 0, value: 8 });
});

it('takes any name', () => {
  const book = new TipBook();
  const names = ['__proto__', 'constructor', 'a|b', 'toString', '', 'x'.repeat(500)];
  for (const name of names) book.append([columns(name, [[1, 2]])]);
  expect(book.names()).toEqual(names);
  expect(names.map((name) => book.get(name)?.value)).toEqual(names.map(() => 2));
  expect(new TipBook().get('constructor')).toBeUndefined();
});

it('tells which curves changed, once', () => {
  const book = new TipBook();
  book.append([columns('a', [[1, 1]]), columns('b', [[1, 1]])]);
  book.append([columns('a', [[2, 2]])]);
  expect(book.takeChanged().map(({ name, value }) => [name, value])).toEqual([['a', 2], ['b', 1]]); // prettier-ignore
  expect(book.takeChanged()).toEqual([]);
});

it('knows the newest of points that are ordered by step, by their times', () => {
  const known = { name: 'x', steps: [0, 1, 2], values: [1, NaN, 3], times: [30, 40, 20], total: 9 };
  expect(tipOf(known)).toMatchObject({
    step: 1,
    value: NaN,
    points: 9,
    nonfinite: 1,
    lastFinite: 1,
    lastFiniteStep: 0,
  });
  expect(tipOf({ ...known, steps: [] })).toBeNull();
});

it('says until when a curve was finite', () => {
  expect(untilWords({ value: NaN, lastFiniteStep: 1190 })).toBe('finite until 1,190');
  expect(untilWords({ value: -Infinity, lastFiniteStep: null })).toBe('never finite');
  expect(untilWords({ value: 1, lastFiniteStep: 3 })).toBe('');
});

it('has nothing to say of a curve of which a later start has replaced every point', () => {
  const book = new TipBook();
  const gone = { name: 'a', step: 0, value: NaN, timeUs: 0, points: 0, nonfinite: 0, lastFinite: null, lastFiniteStep: null, attempt: 1 }; // prettier-ignore
  expect(book.learn([gone], true)).toBe(true);
  expect([book.names(), book.counting('a')]).toEqual([['a'], undefined]);
  book.append([columns('a', [[7, 2]])]);
  expect(book.counting('a')).toMatchObject({ step: 7, value: 2, points: 1, lastFinite: 2 });
});
