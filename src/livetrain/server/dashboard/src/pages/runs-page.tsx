import { useDeferredValue, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { RunRow } from '../api/runs';
import { filterRuns } from '../lib/filter-runs';
import { formatAgo, formatCount, formatMetric } from '../lib/format';
import { standing } from '../lib/words';
import { useRuns, watchRuns } from '../store/runs-store';
import { Icon } from '../ui/icon';
import { Spark } from '../ui/spark';
import { StatusChip } from '../ui/status-chip';
import { useNow } from '../ui/use-now';
import { useShortcuts } from '../ui/use-shortcuts';
import { EmptyRuns } from './empty-runs';
import styles from './runs-page.module.css';

function Row({ row, now }: { row: RunRow; now: number }) {
  const values = useRuns(({ sparks }) => sparks.get(row.runId)?.values);
  const { word, tone } = standing(row.status, row.contact, '', '');
  return (
    <li>
      <Link href={`/runs/${encodeURIComponent(row.runId)}`} className={styles.row ?? ''} data-testid="run">
        <span className={styles.title}>
          <strong>{row.name || row.runId}</strong>
          <span>{row.project}</span>
        </span>
        <span className={styles.status}>
          <StatusChip word={word} tone={tone} />
        </span>
        <span className={styles.sparkCell}>
          {values && values.length > 1 && (
            <Spark values={values} label={`Loss, now ${formatMetric(values.at(-1))}`} />
          )}
        </span>
        <span className={styles.right}>
          {formatCount(row.steps)} <span className={styles.quiet}>{row.steps === 1 ? 'step' : 'steps'}</span>
        </span>
        <span className={[styles.quiet, styles.right, styles.created].join(' ')}>
          {row.createdMs !== null && formatAgo((now - row.createdMs) / 1000)}
        </span>
      </Link>
    </li>
  );
}

export function RunsPage() {
  const rows = useRuns((runs) => runs.rows);
  const error = useRuns((runs) => runs.error);
  const [filter, setFilter] = useState('');
  const shown = filterRuns(rows ?? [], useDeferredValue(filter));
  const input = useRef<HTMLInputElement>(null);
  const now = useNow(true, 5000);
  useEffect(() => {
    document.title = 'livetrain';
    return watchRuns();
  }, []);
  useShortcuts({ '/': () => window.setTimeout(() => input.current?.focus()) });
  return (
    <main className={styles.page}>
      <div className={styles.head}>
        <h1>Runs{rows !== null && rows.length > 0 && <small>{formatCount(rows.length)}</small>}</h1>
        {rows !== null && rows.length > 0 && (
          <label className={styles.filter}>
            <Icon name="search" />
            <span className="sr-only">Filter by name, project or status</span>
            <input
              ref={input}
              type="search"
              placeholder="Filter"
              value={filter}
              onChange={(event) => setFilter(event.target.value)}
            />
          </label>
        )}
      </div>
      {error !== '' && (
        <p className={styles.error} role="status">
          The server cannot be reached; trying again. {rows !== null && 'The list is as it was last.'}
        </p>
      )}
      {rows?.length === 0 && <EmptyRuns />}
      {rows !== null && rows.length > 0 && (
        <ul className={styles.list} aria-label="Runs, the newest first">
          {shown.map((row) => (
            <Row key={row.runId} row={row} now={now} />
          ))}
          {shown.length === 0 && <li className={styles.note}>No run matches “{filter}”.</li>}
        </ul>
      )}
    </main>
  );
}
