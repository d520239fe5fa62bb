import { useStore } from 'zustand';
import type { RunStore } from '../store/run-store';
import { useNow } from '../ui/use-now';

/** The time by the server's clock, Unix milliseconds, once a second while `active`; by ours as long as the server's is not known. */
export function useServerNow(store: RunStore, active: boolean): number {
  const ahead = useStore(store, (page) => page.serverAheadMs);
  return useNow(active) + (ahead ?? 0);
}
