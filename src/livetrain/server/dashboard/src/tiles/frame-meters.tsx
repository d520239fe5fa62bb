import { useStore } from 'zustand';
import { formatCount, formatFps, formatMs } from '../lib/format';
import { frameWords, rightWords } from '../lib/frame-facts';
import { own } from '../lib/own';
import { DROP_WORDS, STRIP_WORDS, type Counts } from '../lib/stripped';
import { rangeWords } from '../lib/value-range';
import { isOver } from '../lib/words';
import { usePrefs } from '../store/prefs-store';
import type { RunStore } from '../store/run-store';
import { Hint } from '../ui/hint';
import styles from './tiles-panel.module.css';

const total = (counts: Counts) => [...counts.values()].reduce((sum, n) => sum + n, 0);

function Reasons({
  counts,
  words,
  none,
}: {
  counts: Counts;
  words: Readonly<Record<string, string>>;
  none: string;
}) {
  const rows = [...counts].filter(([, n]) => n > 0);
  if (rows.length === 0) return <>{none}</>;
  return (
    <ul>
      {rows.map(([reason, n]) => (
        <li key={reason}>
          {formatCount(n)} – {own(words, reason) ?? reason}
        </li>
      ))}
    </ul>
  );
}

/** How live the picture is, and every frame that is not in it. */
export function FrameMeters({ store }: { store: RunStore }) {
  const frame = useStore(store, (page) => page.frame);
  const rates = useStore(store, (page) => page.rates);
  const leftOut = useStore(store, (page) => page.leftOut);
  const sent = useStore(store, (page) => page.performance?.ingestFps ?? 0);
  const over = useStore(store, (page) => isOver(page.run?.status ?? ''));
  const contrast = usePrefs((prefs) => prefs.contrast);
  return (
    <dl className={styles.meters}>
      {/* Painted below the tiles with each frame; here for those who hear the page. */}
      <div className="sr-only">
        <dt>This frame</dt>
        <dd data-testid="this-frame">
          {frame !== null &&
            [frameWords(frame), rightWords(frame), rangeWords(frame.range, contrast)]
              .filter(Boolean)
              .join(', ')}
        </dd>
      </div>
      {!over && (
        <>
          <div>
            <dt>Painted, fps</dt>
            <dd>
              {formatFps(rates.fps)}
              {sent > 0 && <span> of {formatFps(sent)} sent</span>}
            </dd>
          </div>
          <div>
            <dt>Log to paint</dt>
            <dd data-testid="latency">
              {formatMs(rates.p50)}
              {rates.p99 !== null && <span> p99 {formatMs(rates.p99)}</span>}
            </dd>
          </div>
        </>
      )}
      <div>
        <dt>Frames left out</dt>
        <dd data-testid="left-out">
          <Hint
            text={
              <Reasons
                counts={leftOut.trainer}
                words={STRIP_WORDS}
                none="The trainer has sent every frame."
              />
            }
          >
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the hint opens on focus */}
            <span tabIndex={0}>trainer {formatCount(total(leftOut.trainer))}</span>
          </Hint>
          <span>
            {' '}
            · server {formatCount(leftOut.server)} · browser {formatCount(leftOut.browser)}
          </span>
        </dd>
      </div>
    </dl>
  );
}

/** How many records the trainer left out; of a run without pictures too. */
export function RecordsLeftOut({ store }: { store: RunStore }) {
  const counts = useStore(store, (page) => page.leftOut.records);
  const records = total(counts);
  if (records === 0) return null;
  return (
    <dl className={styles.meters}>
      <div>
        <dt>Records left out</dt>
        <dd data-testid="records-left-out">
          <Hint text={<Reasons counts={counts} words={DROP_WORDS} none="" />}>
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the hint opens on focus */}
            <span tabIndex={0}>{formatCount(records)}</span>
          </Hint>
        </dd>
      </div>
    </dl>
  );
}
