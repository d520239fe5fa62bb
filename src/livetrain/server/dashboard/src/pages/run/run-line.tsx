import { useStore } from 'zustand';
import { formatAgo, formatDateTime } from '../../lib/format';
import { runTimes } from '../../lib/run-times';
import { isOver } from '../../lib/words';
import type { RunStore } from '../../store/run-store';
import { useServerNow } from '../use-server-now';
import styles from './banners.module.css';

/** Which run this is, where nothing else needs saying. */
export function RunLine({ store }: { store: RunStore }) {
  const run = useStore(store, (page) => page.run);
  const over = isOver(run?.status ?? '');
  const now = useServerNow(store, run !== null && !over);
  if (run === null) return <p className={styles.line} />;
  const { startMs } = runTimes(run, over, now);
  const { model, dataset } = run.config;
  const ago = startMs === null || over ? '' : formatAgo((now - startMs) / 1000).replace('–', '');
  const facts = [
    startMs !== null && `Started ${formatDateTime(startMs)}${ago && `, ${ago}`}`,
    run.project && `project ${run.project}`,
    model,
    dataset && `on ${dataset}`,
    run.attempts.length > 1 && `attempt ${run.attempts.at(-1)?.attempt ?? ''}`,
  ].filter((fact) => fact !== false && fact !== '');
  return (
    <p className={styles.line} title={facts.join(' · ')}>
      {facts.join(' · ')}
    </p>
  );
}
