import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { useStore } from 'zustand';
import { ChartsPanel } from '../../charts/charts-panel';
import { ControlPanel } from '../../steering/control-panel';
import { RanksPanel } from '../../ranks/ranks-panel';
import { RecordsLeftOut } from '../../tiles/frame-meters';
import { TilesPanel } from '../../tiles/tiles-panel';
import { expectPictures } from '../../lib/expect-pictures';
import { shareDone } from '../../lib/progress';
import { titleWords } from '../../lib/title';
import { isOver } from '../../lib/words';
import type { RunSession } from '../../session/run-session';
import { useChartView } from '../../store/chart-store';
import { usePrefs } from '../../store/prefs-store';
import { ErrorBoundary as Part } from '../../ui/error-boundary';
import { useShortcuts } from '../../ui/use-shortcuts';
import { AboutPanel } from './about-panel';
import { Banners } from './banners';
import { Facts } from './facts';
import { LogPanel } from './log-panel';
import { RoundsPanel } from './rounds-panel';
import styles from './run-page.module.css';
import { SamplesPanel } from './samples-panel';

const AXES = ['step', 'time', 'epoch'] as const;

function useRunShortcuts(session: RunSession): void {
  useShortcuts({
    h: () => session.hold(!session.store.getState().held),
    w: () => usePrefs.setState(({ order }) => ({ order: order === 'worst' ? 'drawn' : 'worst' })),
    l: () => usePrefs.setState(({ log }) => ({ log: !log })),
    x: () => {
      useChartView.getState().setRange(null);
      usePrefs.setState(({ axis }) => ({ axis: AXES[(AXES.indexOf(axis) + 1) % AXES.length] ?? 'step' }));
    },
    '0': () => useChartView.getState().setRange(null),
  });
}

/** The tab says how the run stands to whoever looks at another one. */
function useTitle({ store, tips }: RunSession): void {
  const title = useStore(store, ({ run, step, epoch }) =>
    titleWords({
      name: run?.name ?? '',
      status: run?.status ?? '',
      contact: run?.contact ?? '',
      share: run === null ? null : shareDone({ step, epoch, plan: run.config }),
      loss: tips.counting('loss')?.value,
    }),
  );
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** So long the newest picture of the server may take from the connection to the canvas. */
const PICTURE_MS = 1500;

function usePictures({ store }: RunSession): 'shown' | 'waiting' | 'none' {
  const live = useStore(store, ({ link }) => link.everLive);
  const [waited, setWaited] = useState(false);
  useEffect(() => {
    if (!live) return;
    const timer = window.setTimeout(() => setWaited(true), PICTURE_MS);
    return () => window.clearTimeout(timer);
  }, [live]);
  return useStore(store, ({ frame, run, step }) =>
    expectPictures({
      painted: frame !== null,
      over: isOver(run?.status ?? ''),
      logged: step !== null,
      report: run?.report ?? null,
      waited,
    }),
  );
}

function Refused({ session }: { session: RunSession }) {
  return (
    <main className={styles.page}>
      <h1 className="sr-only">Run {session.runId}</h1>
      <Banners session={session} />
      <p>
        <Link href="/" className={styles.link ?? ''}>
          All runs
        </Link>
      </p>
    </main>
  );
}

/** One run, live: the tiles, the numbers, the curves, and what happened. */
export function RunPage({ session }: { session: RunSession }) {
  const stale = useStore(session.store, ({ link }) => link.phase !== 'live' && link.everLive);
  const name = useStore(session.store, (page) => page.run?.name ?? '');
  const refused = useStore(
    session.store,
    ({ link, run }) => link.phase === 'closed' && link.reason !== '' && run === null,
  );
  const pictures = usePictures(session);
  useRunShortcuts(session);
  useTitle(session);
  useEffect(() => () => useChartView.getState().setRange(null), []);
  if (refused) return <Refused session={session} />;
  const dim = stale ? styles.stale : undefined;
  return (
    <main className={styles.page}>
      <h1 className="sr-only">{name || 'Run'}</h1>
      <Part what="what is to be said of this run">
        <Banners session={session} />
      </Part>
      <div className={dim}>
        <Part what="the run’s numbers">
          <Facts session={session} />
        </Part>
      </div>
      <div className={pictures === 'none' ? styles.single : styles.columns}>
        {/* It stays, unseen: what is painted first is painted there. */}
        <div className={styles.sticky} hidden={pictures === 'none'}>
          <Part what="the pictures">
            <TilesPanel session={session} stale={stale} />
          </Part>
        </div>
        <div className={styles.column}>
          <Part what="the controls">
            <ControlPanel session={session} />
          </Part>
          <Part what="the ranks">
            <RanksPanel store={session.store} className={dim} />
          </Part>
          <Part what="the rounds">
            <RoundsPanel store={session.store} />
          </Part>
          <div className={dim}>
            <RecordsLeftOut store={session.store} />
            <Part what="the curves">
              <ChartsPanel curves={session.curves} tips={session.tips} store={session.store} />
            </Part>
          </div>
          <Part what="the samples">
            <SamplesPanel session={session} />
          </Part>
          <div className={styles.pair}>
            <Part what="the log">
              <LogPanel store={session.store} />
            </Part>
            <Part what="the facts about this run">
              <AboutPanel store={session.store} />
            </Part>
          </div>
        </div>
      </div>
    </main>
  );
}
