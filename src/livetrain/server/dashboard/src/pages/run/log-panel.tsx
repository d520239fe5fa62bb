import { useStore } from 'zustand';
import { formatClock, formatCount, isoTime } from '../../lib/format';
import type { RunStore } from '../../store/run-store';
import { Panel } from '../../ui/panel';
import styles from './log-panel.module.css';

const SHOWN = 200;

/** What happened, the newest first: epochs, status, the user's log, events, and this page's own connection. */
export function LogPanel({ store }: { store: RunStore }) {
  const entries = useStore(store, (page) => page.entries);
  return (
    <Panel title="What happened">
      {entries.length === 0 && <p className={styles.empty}>Epochs, messages and events are listed here.</p>}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a list that scrolls must take the keys */}
      <ol className={styles.list} data-testid="log" tabIndex={0} aria-label="Events, the newest first">
        {entries
          .slice(-SHOWN)
          .reverse()
          .map(({ key, timeMs, kind, level, text, detail, step }) => (
            <li key={key} className={[styles.row, styles[level]].filter(Boolean).join(' ')}>
              <time className={styles.time} dateTime={isoTime(timeMs)}>
                {formatClock(timeMs)}
              </time>
              <span className={styles.kind}>{kind}</span>
              <span className={styles.text}>
                {text}
                {detail !== undefined && detail !== '' && (
                  <details className={styles.detail}>
                    <summary>Traceback</summary>
                    <pre>{detail}</pre>
                  </details>
                )}
              </span>
              <span className={styles.step}>{step !== null && step > 0 && `step ${formatCount(step)}`}</span>
            </li>
          ))}
      </ol>
    </Panel>
  );
}
