import { useMemo } from 'react';
import { useStore } from 'zustand';
import { joinRanks } from '../lib/ranks';
import { isOver } from '../lib/words';
import type { RankView } from '../live/messages';
import type { RunStore } from '../store/run-store';

const NONE: readonly never[] = [];

/** The ranks of a run as far as they are known, while it trains and after its end; none for a run of one alone. */
export function useRanks(store: RunStore): { ranks: readonly RankView[]; over: boolean } {
  const told = useStore(store, (page) => page.run?.ranks ?? NONE);
  const live = useStore(store, (page) => page.performance?.ranks ?? NONE);
  const over = useStore(store, (page) => isOver(page.run?.status ?? ''));
  const ranks = useMemo(() => joinRanks<RankView>(told, live, over), [told, live, over]);
  return { ranks, over };
}
