import { useStore } from 'zustand';
import { usedLevels } from '../lib/value-range';
import { isOver } from '../lib/words';
import type { RunSession } from '../session/run-session';
import { usePrefs } from '../store/prefs-store';
import { Button } from '../ui/button';
import { Choice } from '../ui/choice';
import { Panel } from '../ui/panel';
import { FrameMeters } from './frame-meters';
import { RankPicker } from './rank-picker';
import { TileStage } from './tile-stage';
import styles from './tiles-panel.module.css';

const ORDERS = [
  { value: 'drawn', label: 'As drawn' },
  { value: 'worst', label: 'Worst first' },
] as const;

function Empty({ over }: { over: boolean }) {
  return (
    <p className={styles.empty}>
      <span>
        <strong>{over ? 'No picture is kept of this run' : 'Waiting for the first picture'}</strong>
        <span>
          {over
            ? 'Pictures are live: the curves are what stays.'
            : 'It comes with the first log_batch that has images.'}
        </span>
      </span>
    </p>
  );
}

export function TilesPanel({ session, stale }: { session: RunSession; stale: boolean }) {
  const held = useStore(session.store, (page) => page.held);
  const empty = useStore(session.store, (page) => page.frame === null);
  const over = useStore(session.store, (page) => isOver(page.run?.status ?? ''));
  const stretchable = useStore(
    session.store,
    ({ frame }) => frame?.range && usedLevels(frame.range) !== null,
  );
  const order = usePrefs((prefs) => prefs.order);
  const contrast = usePrefs((prefs) => prefs.contrast);
  const set = usePrefs((prefs) => prefs.set);
  return (
    <Panel
      title="What the model sees"
      tools={
        <div className={styles.tools}>
          <RankPicker session={session} />
          {stretchable && (
            <Button aria-pressed={contrast} onClick={() => set({ contrast: !contrast })}>
              Auto-contrast
            </Button>
          )}
          <Button icon={held ? 'play' : 'hold'} aria-pressed={held} onClick={() => session.hold(!held)}>
            {held ? 'Held' : 'Hold'}
          </Button>
          <Choice
            label="Order of the tiles"
            value={order}
            options={ORDERS}
            onChange={(next) => set({ order: next })}
          />
        </div>
      }
    >
      <div className={styles.stage}>
        <TileStage session={session} stale={stale} />
        {empty && <Empty over={over} />}
      </div>
      <FrameMeters store={session.store} />
    </Panel>
  );
}
