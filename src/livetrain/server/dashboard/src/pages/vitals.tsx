import { useStore } from 'zustand';
import { formatDuration, formatFps, formatMs } from '../lib/format';
import { standing } from '../lib/words';
import type { LinkPhase } from '../lib/reconnect';
import type { RunStore } from '../store/run-store';
import { StatusChip } from '../ui/status-chip';
import { useNow } from '../ui/use-now';
import styles from './header.module.css';

const LINK_WORDS: Record<LinkPhase, string> = {
  connecting: 'Connecting',
  live: 'Connected',
  waiting: 'Reconnecting',
  closed: 'Disconnected',
};

/** What is always in view: how the run stands, frames a second, how late they are, and whether we are connected. */
export function Vitals({ store }: { store: RunStore }) {
  const run = useStore(store, (page) => page.run);
  const rates = useStore(store, (page) => page.rates);
  const link = useStore(store, (page) => page.link);
  const now = useNow(run?.contact === 'stale' || run?.contact === 'lost');
  const silentFor = formatDuration(Math.max(0, now - (run?.lastHeardMs ?? now)) / 1000);
  const { word, tone } = standing(run?.status ?? '', run?.contact ?? '', silentFor, '');
  const phase = link.phase === 'connecting' && link.everLive ? 'waiting' : link.phase;
  return (
    <div className={styles.vitals}>
      {run !== null && <StatusChip word={word} tone={phase === 'live' ? tone : 'calm'} testId="status" />}
      <span className={styles.readout} title="Frames painted a second">
        <b data-testid="fps" data-value={rates.fps.toFixed(2)}>
          {formatFps(rates.fps)}
        </b>{' '}
        fps
      </span>
      <span className={[styles.readout, styles.latency].join(' ')} title="From log_batch to paint, median">
        <b>{formatMs(rates.fps > 0 ? rates.p50 : null)}</b> <span>late</span>
      </span>
      <span className={styles.link} data-phase={phase}>
        <i aria-hidden="true" />
        <span data-testid="connection">{LINK_WORDS[phase]}</span>
      </span>
    </div>
  );
}
