import { useStore } from 'zustand';
import { formatDuration, formatFps, formatMs } from '../lib/format';
import { lostWords } from '../lib/ranks';
import type { LinkPhase } from '../lib/reconnect';
import { isOver, standing } from '../lib/words';
import { useRanks } from '../session/use-ranks';
import type { RunStore } from '../store/run-store';
import { StatusChip } from '../ui/status-chip';
import styles from './header.module.css';
import { useServerNow } from './use-server-now';

const LINK_WORDS: Record<LinkPhase | 'quiet', string> = {
  connecting: 'Connecting',
  live: 'Connected',
  quiet: 'No answer',
  waiting: 'Reconnecting',
  closed: 'Disconnected',
};

function linkOf({ phase, everLive }: { phase: LinkPhase; everLive: boolean }, quietMs: number) {
  if (phase === 'connecting' && everLive) return 'waiting';
  return phase === 'live' && quietMs > 0 ? 'quiet' : phase;
}

/** What is always in view: how the run stands, frames a second, how late they are, and whether we are connected. */
export function Vitals({ store }: { store: RunStore }) {
  const run = useStore(store, (page) => page.run);
  const rates = useStore(store, (page) => page.rates);
  const painted = useStore(store, (page) => page.frame !== null);
  const phase = useStore(store, (page) => linkOf(page.link, page.quietMs));
  const { ranks, over } = useRanks(store);
  const now = useServerNow(store, run?.contact === 'stale' || run?.contact === 'lost');
  const silentFor = formatDuration(Math.max(0, now - (run?.lastHeardMs ?? now)) / 1000);
  const { word, tone } = standing(run?.status ?? '', run?.contact ?? '', silentFor, '');
  const lost = lostWords(ranks, over);
  const shown = phase !== 'live' ? 'calm' : lost !== '' && tone !== 'bad' ? 'warn' : tone;
  return (
    <div className={styles.vitals}>
      {run !== null && <StatusChip word={word} note={lost} tone={shown} testId="status" />}
      {painted && !isOver(run?.status ?? '') && (
        <>
          <span className={styles.readout} title="Frames painted a second">
            <b data-testid="fps" data-value={rates.fps.toFixed(2)}>
              {formatFps(rates.fps)}
            </b>{' '}
            fps
          </span>
          <span
            className={[styles.readout, styles.latency].join(' ')}
            title="From log_batch to paint, median"
          >
            <b>{formatMs(rates.fps > 0 ? rates.p50 : null)}</b> <span>late</span>
          </span>
        </>
      )}
      <span className={styles.link} data-phase={phase}>
        <i aria-hidden="true" />
        <span data-testid="connection">{LINK_WORDS[phase]}</span>
      </span>
    </div>
  );
}
