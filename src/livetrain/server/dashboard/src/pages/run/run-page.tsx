import { useEffect } from 'react';
import { Link } from 'wouter';
import { useStore } from 'zustand';
import { ChartsPanel } from '../../charts/charts-panel';
import { ControlPanel } from '../../steering/control-panel';
import { RanksPanel } from '../../ranks/ranks-panel';
import { TilesPanel } from '../../tiles/tiles-panel';
import type { RunSession } from '../../session/run-session';
import { useChartView } from '../../store/chart-store';
import { usePrefs } from '../../store/prefs-store';
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
  useRunShortcuts(session);
  useEffect(() => {
    document.title = name === '' ? 'livetrain' : `${name} · livetrain`;
    return () => useChartView.getState().setRange(null);
  }, [name]);
  if (refused) return <Refused session={session} />;
  const dim = stale ? styles.stale : undefined;
  return (
    <main className={styles.page}>
      <h1 className="sr-only">{name || 'Run'}</h1>
      <Banners session={session} />
      <div className={dim}>
        <Facts session={session} />
      </div>
      <div className={styles.columns}>
        <div className={styles.sticky}>
          <TilesPanel session={session} stale={stale} />
        </div>
        <div className={styles.column}>
          <ControlPanel session={session} />
          <RanksPanel store={session.store} className={dim} />
          <RoundsPanel store={session.store} />
          <div className={dim}>
            <ChartsPanel curves={session.curves} store={session.store} />
          </div>
          <SamplesPanel session={session} />
          <div className={styles.pair}>
            <LogPanel store={session.store} />
            <AboutPanel store={session.store} />
          </div>
        </div>
      </div>
    </main>
  );
}
