import { useEffect, useMemo } from 'react';
import { useStore } from 'zustand';
import { newestFirst, type Command } from '../lib/commands';
import { offered, titlesOf, type Offer } from '../lib/controls';
import { blocked } from '../lib/steering';
import type { RunSession } from '../session/run-session';
import { useRanks } from '../session/use-ranks';
import { learnHistory } from './give';

export interface Steering {
  session: RunSession;
  offer: Offer;
  titles: ReadonlyMap<string, string>;
  /** The newest first. */
  commands: readonly Command[];
  /** Why nothing can be done now; empty: it can. */
  reason: string;
  paused: boolean;
  over: boolean;
}

const NOTHING = offered([]);

/** All that the panel is made from. */
export function useSteering(session: RunSession): Steering {
  const { store } = session;
  const controls = useStore(store, (page) => page.run?.controls);
  const status = useStore(store, (page) => page.run?.status ?? '');
  const contact = useStore(store, (page) => page.run?.contact ?? '');
  const { ranks, over } = useRanks(store);
  const leader = ranks.find(({ rank }) => rank === 0)?.contact ?? '';
  const connected = useStore(store, (page) => page.link.phase === 'live');
  const book = useStore(store, (page) => page.commands);
  useEffect(() => {
    if (connected) void learnHistory(session);
  }, [connected, session]);
  const commands = useMemo(() => newestFirst(book), [book]);
  const offer = useMemo(() => (controls ? offered(controls) : NOTHING), [controls]);
  const titles = useMemo(() => titlesOf(controls ?? []), [controls]);
  return {
    session,
    offer,
    titles,
    commands,
    reason: blocked({ connected, status, contact, leader }),
    paused: status === 'paused',
    over,
  };
}
