import { useEffect, useMemo, useRef, useState } from 'react';
import { clockAheadMs } from '../api/http';
import { formatCount } from '../lib/format';
import { rowsOf } from '../lib/run-list';
import { askForRuns, seeRows, showMore, useRuns, watchRuns } from '../store/runs-store';
import { Button } from '../ui/button';
import { SearchField } from '../ui/search-field';
import { useNow } from '../ui/use-now';
import { useRowsInView } from '../ui/use-rows-in-view';
import { useShortcuts } from '../ui/use-shortcuts';
import { EmptyRuns } from './empty-runs';
import { RunRow } from './run-row';
import styles from './runs-page.module.css';

const ROW_PX = 64;
/** The next page is asked for when so many rows or fewer are left below the window. */
const AHEAD = 30;
const TYPING_MS = 200;
const ADDRESS_MS = 400;

const STATUSES = [
  ['', 'All'],
  ['running,initializing', 'Running'],
  ['paused', 'Paused'],
  ['finished', 'Finished'],
  ['failed', 'Failed'],
  ['interrupted', 'Interrupted'],
  ['lost', 'Lost contact'],
] as const;

/** What is searched for, in the address too: a reload and a way back find the same. */
function useQuestion() {
  const [q, setQ] = useState(() => new URLSearchParams(location.search).get('q') ?? '');
  const [status, setStatus] = useState(() => {
    const asked = new URLSearchParams(location.search).get('status') ?? '';
    return STATUSES.some(([value]) => value === asked) ? asked : '';
  });
  useEffect(() => {
    const timer = window.setTimeout(() => askForRuns({ q: q.trim(), status }), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [q, status]);
  useEffect(() => {
    const timer = window.setTimeout(() => {
      const address = new URLSearchParams();
      if (q.trim() !== '') address.set('q', q.trim());
      if (status !== '') address.set('status', status);
      const search = address.size > 0 ? `?${address.toString()}` : '';
      if (search !== location.search)
        history.replaceState(history.state, '', `${location.pathname}${search}`);
    }, ADDRESS_MS);
    return () => window.clearTimeout(timer);
  }, [q, status]);
  return { q, setQ, status, setStatus };
}

export function RunsPage() {
  const list = useRuns((runs) => runs.list);
  const some = useRuns((runs) => runs.some);
  const error = useRuns((runs) => runs.error);
  const { q, setQ, status, setStatus } = useQuestion();
  const rows = useMemo(() => (list === null ? [] : rowsOf(list)), [list]);
  const total = list?.total ?? rows.length;
  const more = list !== null && list.next !== null;
  const input = useRef<HTMLInputElement>(null);
  const host = useRef<HTMLUListElement>(null);
  const { first, end } = useRowsInView(host, rows.length, ROW_PX);
  const now = useNow(true, 5000) + clockAheadMs();
  useEffect(() => {
    document.title = 'Runs · livetrain';
    return watchRuns();
  }, []);
  useEffect(() => {
    seeRows(rows.slice(first, end), first);
    if (more && end + AHEAD >= rows.length) void showMore();
  }, [rows, first, end, more]);
  useShortcuts({ '/': () => window.setTimeout(() => input.current?.focus()) });
  const searching = q.trim() !== '' || status !== '';
  return (
    <main className={styles.page}>
      <div className={styles.head}>
        <h1>
          Runs
          {list !== null && (total > 0 || searching) && (
            <small data-testid="runs-total">{formatCount(total)}</small>
          )}
        </h1>
        {(some === true || searching) && (
          <div className={styles.tools}>
            <SearchField
              label="Search by name, project, id or tag"
              placeholder="Name, project, id, tag"
              value={q}
              onChange={setQ}
              ref={input}
            />
            <label className={styles.statusChoice}>
              <span className="sr-only">Status</span>
              <select value={status} onChange={({ target }) => setStatus(target.value)}>
                {STATUSES.map(([value, word]) => (
                  <option key={value} value={value}>
                    {word}
                  </option>
                ))}
              </select>
            </label>
          </div>
        )}
      </div>
      {error !== '' && (
        <p className={styles.error} role="status">
          The server gives no list of runs; trying again. {list !== null && 'The list is as it was last. '}
          <small>{error}</small>
        </p>
      )}
      {some === false && !searching && <EmptyRuns />}
      {rows.length > 0 && (
        <ul
          ref={host}
          className={styles.list}
          aria-label="Runs, the newest first"
          style={{ height: rows.length * ROW_PX }}
        >
          {rows.slice(first, end).map((row, i) => (
            <RunRow
              key={row.runId}
              row={row}
              now={now}
              place={first + i + 1}
              total={total}
              style={{ top: (first + i) * ROW_PX, height: ROW_PX }}
            />
          ))}
        </ul>
      )}
      {list !== null && rows.length === 0 && searching && <p className={styles.note}>No run matches.</p>}
      {more && (
        <p className={styles.note}>
          <Button onClick={() => void showMore()}>Show more of {formatCount(total)}</Button>
        </p>
      )}
    </main>
  );
}
