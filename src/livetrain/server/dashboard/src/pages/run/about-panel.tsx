import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { formatCount, formatDateTime, formatPercent } from '../../lib/format';
import { runTimes } from '../../lib/run-times';
import { isOver } from '../../lib/words';
import type { RunStore } from '../../store/run-store';
import { Panel } from '../../ui/panel';
import styles from './about-panel.module.css';
import { SettingsList } from './settings-list';

/** What the run was started with, and what watching it costs. */
export function AboutPanel({ store }: { store: RunStore }) {
  const run = useStore(store, (page) => page.run);
  const viewers = useStore(store, (page) => page.viewers);
  if (run === null) return null;
  const { config, report } = run;
  const over = isOver(run.status);
  const { startMs } = runTimes(run, over, 0);
  const rows: [string, ReactNode][] = [
    ['Run', <code key="id">{run.runId}</code>],
    ['Project', run.project],
    ['Started', startMs !== null && formatDateTime(startMs)],
    ['Ended', over && run.endedMs > 0 && formatDateTime(run.endedMs)],
    ['Model', config.model],
    ['Data', config.dataset],
    ['Batch size', config.batchSize > 0 && formatCount(config.batchSize)],
    ['Tags', run.tags.length > 0 && <Tags key="tags" tags={run.tags} />],
    // What the governor says has the percentage in it.
    ['Overhead', report && (report.governor || formatPercent(report.overheadPercent / 100, 2))],
    ['Watching', viewers > 0 && `${viewers} ${viewers === 1 ? 'page' : 'pages'}`],
  ];
  return (
    <Panel title="About this run">
      <dl className={styles.list}>
        {rows.map(
          ([name, value]) =>
            value !== false &&
            value !== '' &&
            value !== null && (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <SettingsList json={config.settings} />
    </Panel>
  );
}

function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className={styles.tags}>
      {tags.map((tag) => (
        <span key={tag}>{tag}</span>
      ))}
    </span>
  );
}
