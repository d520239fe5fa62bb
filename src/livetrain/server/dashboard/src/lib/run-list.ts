/** The list of runs, page by page, while new ones come on top and others change. */

interface Row {
  runId: string;
  /** Unix milliseconds; null: not said. */
  createdMs: number | null;
}

/** One answer of the server. */
export interface ListPage<T extends Row> {
  rows: readonly T[];
  /** Where the following page begins; null: this is the last. */
  next: string | null;
  /** How many there are on all pages; null: an older server does not say. */
  total: number | null;
}

/** A page as it is kept. */
export interface KeptPage<T extends Row> {
  /** Where it begins; null: at the first run. */
  cursor: string | null;
  rows: readonly T[];
}

export interface RunPages<T extends Row> {
  pages: readonly KeptPage<T>[];
  next: string | null;
  total: number | null;
}

export const noPages: RunPages<never> = { pages: [], next: null, total: null };

/** A further page at the end. */
export function withNextPage<T extends Row>(
  known: RunPages<T>,
  { rows, next, total }: ListPage<T>,
): RunPages<T> {
  return {
    pages: [...known.pages, { cursor: known.pages.length === 0 ? null : known.next, rows }],
    next,
    total,
  };
}

/**
 * A page that was asked for again. Runs that are new on it push its last ones beyond its end, where no page has them: they stay.
 * One that is gone from its middle was deleted.
 */
export function withPageAgain<T extends Row>(
  known: RunPages<T>,
  at: number,
  { rows, next, total }: ListPage<T>,
): RunPages<T> {
  const page = known.pages[at];
  if (page === undefined) return known;
  const last = at === known.pages.length - 1;
  const end = rows.at(-1)?.createdMs ?? null;
  const fresh = new Set(rows.map(({ runId }) => runId));
  const pushed =
    last || next === null || end === null
      ? []
      : page.rows.filter(
          ({ runId, createdMs }) => !fresh.has(runId) && createdMs !== null && createdMs <= end,
        );
  const pages = known.pages.with(at, { ...page, rows: [...rows, ...pushed] });
  // The whole list ends here: what stood on later pages is gone.
  if (next === null) return { pages: pages.slice(0, at + 1), next, total };
  return { pages, next: last ? next : known.next, total };
}

/** All rows in order, each run once. */
export function rowsOf<T extends Row>({ pages }: RunPages<T>): T[] {
  const rows = new Map<string, T>();
  for (const page of pages) for (const row of page.rows) if (!rows.has(row.runId)) rows.set(row.runId, row);
  return [...rows.values()];
}

/** On which page a row of that list stands. */
export function pageOfRow<T extends Row>({ pages }: RunPages<T>, row: number): number {
  let before = 0;
  for (const [at, { rows }] of pages.entries()) {
    before += rows.length;
    if (row < before) return at;
  }
  return Math.max(0, pages.length - 1);
}
