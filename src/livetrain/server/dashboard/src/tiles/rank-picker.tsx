import { useStore } from 'zustand';
import type { RunSession } from '../session/run-session';
import { useRanks } from '../session/use-ranks';
import styles from './tiles-panel.module.css';

/** Whose pictures are shown, where several ranks send some. */
export function RankPicker({ session }: { session: RunSession }) {
  const shown = useStore(session.store, (page) => page.shownRank);
  const known = useRanks(session.store);
  const ranks = known.ranks.filter(({ pictures }) => pictures).map(({ rank }) => rank);
  if (ranks.length < 2) return null;
  return (
    <label className={styles.rank}>
      Rank
      <select
        data-testid="shown-rank"
        value={shown}
        onChange={({ target }) => session.watchRank(Number(target.value))}
      >
        {ranks.map((rank) => (
          <option key={rank} value={rank}>
            {rank}
          </option>
        ))}
      </select>
    </label>
  );
}
