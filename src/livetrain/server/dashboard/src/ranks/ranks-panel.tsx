import { useStore } from 'zustand';
import { formatCount } from '../lib/format';
import { countWords, milliseconds, ownShare, rankStanding } from '../lib/ranks';
import type { RankView } from '../live/messages';
import type { RunStore } from '../store/run-store';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';
import { StatusChip } from '../ui/status-chip';
import styles from './ranks-panel.module.css';

const NONE: readonly never[] = [];

function Row({ rank }: { rank: RankView }) {
  const { word, tone } = rankStanding(rank);
  const share = ownShare(rank);
  return (
    <tr data-testid="rank" data-rank={rank.rank} data-contact={rank.contact}>
      <th scope="row">{rank.rank}</th>
      <td>
        <StatusChip word={word} tone={tone} />
      </td>
      <td>{formatCount(rank.steps)}</td>
      <td>{milliseconds(rank.stepMs)}</td>
      <td>
        <span className={styles.own}>
          {milliseconds(rank.ownMs)}
          <span className={styles.meter} aria-hidden="true">
            {share !== null && <span style={{ width: `${share * 100}%` }} />}
          </span>
        </span>
      </td>
    </tr>
  );
}

/** How each of several ranks does, and what is worth saying of them. A run of one alone has no such panel. */
export function RanksPanel({ store, className }: { store: RunStore; className: string | undefined }) {
  const ranks = useStore(store, (page) => page.performance?.ranks ?? NONE);
  const remarks = useStore(store, (page) => page.performance?.remarks ?? NONE);
  const worldSize = useStore(store, (page) => page.run?.worldSize ?? 1);
  if (ranks.length < 2) return null;
  return (
    <Panel
      title="Ranks"
      className={className}
      tools={<span className={styles.count}>{countWords(ranks.length, worldSize)}</span>}
    >
      <ul className={styles.remarks} role="status" data-testid="rank-remarks">
        {remarks.map((remark) => (
          <li key={remark}>
            <Icon name="warning" size={14} /> {remark}
          </li>
        ))}
      </ul>
      <div className={styles.frame} tabIndex={ranks.length > 8 ? 0 : undefined}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Rank</th>
              <th scope="col">State</th>
              <th scope="col">Steps</th>
              <th scope="col">A step takes</th>
              <th scope="col">Of that alone</th>
            </tr>
          </thead>
          <tbody>
            {ranks.map((rank) => (
              <Row key={rank.rank} rank={rank} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
