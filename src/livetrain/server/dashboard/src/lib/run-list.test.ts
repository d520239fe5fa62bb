import { describe, expect, it } from 'vitest';
import {
  noPages,
  pageOfRow,
  rowsOf,
  withNextPage,
  withPageAgain,
  type ListPage,
  type RunPages,
} from './run-list';

interface Row {
  runId: string;
  createdMs: number;
}

const SIZE = 3;
/** A server with these runs, newest first; a run's number is its time. */
function answer(all: readonly number[], cursor: string | null): ListPage<Row> {
  const sorted = [...all].sort((a, b) => b - a).filter((n) => cursor === null || n < Number(cursor));
  const rows = sorted.slice(0, SIZE).map((n) => ({ runId: `r${n}`, createdMs: n }));
  const more = sorted.length > SIZE;
  return { rows, next: more ? String(rows.at(-1)?.createdMs) : null, total: all.length };
}
const all = Array.from({ length: 10 }, (_, n) => n + 1);
function whole(runs: readonly number[]): RunPages<Row> {
  let pages: RunPages<Row> = noPages;
  do pages = withNextPage(pages, answer(runs, pages.next));
  while (pages.next !== null);
  return pages;
}
const shown = (pages: RunPages<Row>) => rowsOf(pages).map(({ createdMs }) => createdMs);
const newestFirst = (runs: readonly number[]) => [...runs].sort((a, b) => b - a);
const again = (pages: RunPages<Row>, at: number, runs: readonly number[]) =>
  withPageAgain(pages, at, answer(runs, pages.pages[at]?.cursor ?? null));

it('reaches every run, page after page', () => {
  const pages = whole(all);
  expect(shown(pages)).toEqual(newestFirst(all));
  expect(pages.total).toBe(10);
  expect([0, 2, 3, 9, 99].map((row) => pageOfRow(pages, row))).toEqual([0, 0, 1, 3, 3]);
});

describe('when the first page is asked for again', () => {
  it('new runs come on top and none is lost between the pages', () => {
    const more = [...all, 11, 12, 13, 14, 15];
    let pages = whole(all);
    for (let n = 11; n <= 15; n++) pages = again(pages, 0, more.slice(0, n));
    expect(shown(pages)).toEqual(newestFirst(more));
  });

  it('one that was deleted goes', () => {
    const left = all.filter((n) => n !== 9);
    expect(shown(again(whole(all), 0, left))).toEqual(newestFirst(left));
  });

  it('a list that became short is short', () => {
    expect(shown(again(whole(all), 0, [1, 2]))).toEqual([2, 1]);
    expect(shown(again(whole(all), 0, []))).toEqual([]);
  });
});

it('takes a run that belongs on a later page, such as one that was synced later', () => {
  const more = [...all, 4.5];
  const pages = again(whole(all), 2, more);
  expect(shown(pages)).toEqual(newestFirst(more));
});

it('goes on from where a last page that was asked for again ends', () => {
  let pages: RunPages<Row> = withNextPage(noPages, answer(all, null));
  pages = again(pages, 0, [...all, 11]);
  expect(shown(pages)).toEqual([11, 10, 9]);
  pages = withNextPage(pages, answer([...all, 11], pages.next));
  expect(shown(pages)).toEqual([11, 10, 9, 8, 7, 6]);
});
