import type { CSSProperties } from 'react';
import { Link } from 'wouter';
import type { RunRow as Row } from '../api/runs';
import { formatAgo, formatCount, formatDateTime, formatDuration, formatMetric } from '../lib/format';
import { isOver, standing } from '../lib/words';
import { useRuns } from '../store/runs-store';
import { Spark } from '../ui/spark';
import { StatusChip } from '../ui/status-chip';
import styles from './runs-page.module.css';

function Loss({ runId }: { runId: string }) {
  const loss = useRuns(({ glances }) => glances.get(runId)?.loss ?? null);
  if (loss === null) return null;
  const bad = !Number.isFinite(loss.newest);
  return (
    <>
      <Spark curve={loss.curve} />
      <span className={bad ? styles.bad : undefined} data-testid="run-loss">
        <span className="sr-only">Loss </span>
        {formatMetric(loss.newest)}
      </span>
    </>
  );
}

interface Props {
  row: Row;
  /** By the server's clock, Unix milliseconds. */
  now: number;
  /** Where it stands. */
  style: CSSProperties;
  /** Its place among all, from 1. */
  place: number;
  total: number;
}

export function RunRow({ row, now, style, place, total }: Props) {
  const over = isOver(row.status);
  const { word, tone } = standing(row.status, row.contact, '', '');
  const started = row.startedMs ?? row.createdMs;
  const note = row.remarks[0] ?? (over && row.message !== '' ? row.message : '');
  return (
    <li style={style} aria-posinset={place} aria-setsize={total}>
      <Link href={`/runs/${encodeURIComponent(row.runId)}`} className={styles.row ?? ''} data-testid="run">
        <span className={styles.title}>
          <strong title={row.name}>{row.name || row.runId}</strong>
          <span title={[row.project, ...row.tags].join(' · ')}>{[row.project, ...row.tags].join(' · ')}</span>
        </span>
        <span className={styles.status}>
          <StatusChip word={word} tone={row.remarks.length > 0 && tone !== 'bad' ? 'warn' : tone} />
          {note !== '' && (
            <span className={styles.remark} title={[...row.remarks, row.message].filter(Boolean).join(' ')}>
              {note}
            </span>
          )}
        </span>
        <span className={styles.numbers}>
          <span className={styles.loss}>
            <Loss runId={row.runId} />
          </span>
          <span className={styles.right}>
            {row.steps > 0 ? (
              <>
                <span className={styles.quiet}>step</span> {formatCount(row.steps - 1)}
              </>
            ) : (
              <span className={styles.quiet}>no step yet</span>
            )}
          </span>
        </span>
        <span
          className={[styles.quiet, styles.right, styles.created].join(' ')}
          title={started === null ? undefined : formatDateTime(started)}
        >
          {started !== null && formatAgo((now - started) / 1000)}
          {over && row.seconds !== null && <span>took {formatDuration(row.seconds)}</span>}
        </span>
      </Link>
    </li>
  );
}
