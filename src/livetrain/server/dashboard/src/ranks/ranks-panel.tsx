import { useStore } from 'zustand';
import { formatCount } from '../lib/format';
import { countWords, milliseconds, ownShare, rankStanding } from '../lib/ranks';
import type { RankView } from '../live/messages';
import { useRanks } from '../session/use-ranks';
import type { RunStore } from '../store/run-store';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';
import { StatusChip } from '../ui/status-chip';
import styles from './ranks-panel.module.css';

const NONE: readonly never[] = [];
const NO_PACE = { stepMs: null, ownMs: null };

function Row({ rank, over }: { rank: RankView; over: boolean }) {
  const { word, tone, explanation } = rankStanding(rank, over);
  // What it takes for a step says something only while it makes some.
  const { stepMs, ownMs } = over || rank.contact === 'lost' ? NO_PACE : rank;
  const share = ownShare({ stepMs, ownMs });
  return (
    <tr data-testid="rank" data-rank={rank.rank} data-contact={rank.contact}>
      <th scope="row">{rank.rank}</th>
      <td>
        <span title={explanation || undefined}>
          <StatusChip word={word} tone={tone} />
        </span>
      </td>
      <td>{rank.steps > 0 ? formatCount(rank.steps - 1) : '–'}</td>
      <td>{milliseconds(stepMs)}</td>
      <td>
        <span className={styles.own}>
          {milliseconds(ownMs)}
          {share !== null && (
            <span className={styles.meter} aria-hidden="true">
              <span style={{ width: `${share * 100}%` }} />
            </span>
          )}
        </span>
      </td>
    </tr>
  );
}

/** How each of several ranks does, and what is worth saying of them. A run of one alone has no such panel. */
export function RanksPanel({ store, className }: { store: RunStore; className: string | undefined }) {
  const { ranks, over } = useRanks(store);
  const said = useStore(store, (page) => page.performance?.remarks ?? NONE);
  // They are about who waits for whom; of a run that is over only what its ranks came to is left.
  const remarks = over ? NONE : said;
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
              <th scope="col">Step</th>
              <th scope="col">A step takes</th>
              <th scope="col">Of that alone</th>
            </tr>
          </thead>
          <tbody>
            {ranks.map((rank) => (
              <Row key={rank.rank} rank={rank} over={over} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
