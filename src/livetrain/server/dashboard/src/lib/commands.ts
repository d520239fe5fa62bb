/**
 * What is known of each command. What the live stream, the server's list, the answer to a POST and this page itself
 * say of one comes in any order and more than once: parts of knowledge that are joined, so that no order is wrong.
 */

export type CommandState =
  'sending' | 'queued' | 'sent' | 'accepted' | 'applied' | 'rejected' | 'expired' | 'failed';

export interface Command {
  id: string;
  /** Empty: only its result was heard so far. */
  verb: string;
  parameters: Readonly<Record<string, string>>;
  issuedBy: string;
  /** Unix milliseconds, like all times here. */
  issuedMs: number;
  state: CommandState;
  /** Why it was refused, or what the trainer said of it. */
  message: string;
  /** The first step under it; null: not applied. */
  appliedStep: number | null;
  /** What took effect. */
  values: Readonly<Record<string, string>>;
  ranks: readonly number[];
  /** When the end was heard; null: it is not there, or the time is not known. */
  settledMs: number | null;
  /** Why this page could not give it to the server; empty: it could. */
  trouble: string;
}

/** What one source says; what is left out it does not know. */
export type CommandPart = Pick<Command, 'id'> & Partial<Omit<Command, 'id'>>;
export type CommandBook = ReadonlyMap<string, Command>;

const RANK: Record<CommandState, number> = {
  sending: 0,
  queued: 1,
  sent: 2,
  accepted: 3,
  applied: 4,
  rejected: 4,
  expired: 4,
  failed: 4,
};
const KEPT = 1000;

export const isFinal = ({ state }: Command): boolean => RANK[state] === RANK.applied;

const unheard = (id: string): Command => ({
  id,
  verb: '',
  parameters: {},
  issuedBy: '',
  issuedMs: 0,
  state: 'sending',
  message: '',
  appliedStep: null,
  values: {},
  ranks: [],
  settledMs: null,
  trouble: '',
});

/** A trainer never applies too late: where it says that it did, the server's guess that it would not is wrong. */
const goesOn = (from: CommandState, to: CommandState): boolean =>
  RANK[to] > RANK[from] || (from === 'expired' && to === 'applied');

function join(known: Command, part: CommandPart): Command {
  const next: Command = {
    ...known,
    verb: part.verb ?? known.verb,
    parameters: part.parameters ?? known.parameters,
    issuedBy: part.issuedBy ?? known.issuedBy,
    issuedMs: part.issuedMs ?? known.issuedMs,
  };
  const state = part.state ?? known.state;
  if (goesOn(known.state, state)) {
    next.state = state;
    next.message = part.message ?? '';
    next.appliedStep = part.appliedStep ?? null;
    next.values = part.values ?? {};
    next.ranks = part.ranks ?? [];
    next.settledMs = part.settledMs ?? null;
    next.trouble = '';
  } else if (state === known.state) {
    next.ranks = [...new Set([...known.ranks, ...(part.ranks ?? [])])].sort((a, b) => a - b);
    next.settledMs = known.settledMs ?? part.settledMs ?? null;
    if (state === 'sending') next.trouble = part.trouble ?? known.trouble;
  }
  return next;
}

/** The book with these parts in it; the newest commands are kept. */
export function learn(book: CommandBook, parts: readonly CommandPart[]): CommandBook {
  if (parts.length === 0) return book;
  const next = new Map(book);
  for (const part of parts) next.set(part.id, join(next.get(part.id) ?? unheard(part.id), part));
  if (next.size > KEPT) {
    const oldest = [...next.values()].sort((a, b) => a.issuedMs - b.issuedMs);
    for (const { id } of oldest.slice(0, next.size - KEPT)) next.delete(id);
  }
  return next;
}

/** All whose order is known, the newest first. */
export function newestFirst(book: CommandBook): Command[] {
  return [...book.values()]
    .filter(({ verb }) => verb !== '')
    .reverse()
    .sort((a, b) => b.issuedMs - a.issuedMs);
}

/** Those that came to their end, or to another one, from one book to the next. */
export function newlyFinal(before: CommandBook, after: CommandBook): Command[] {
  return [...after.values()].filter((command) => {
    const known = before.get(command.id);
    const heard = known !== undefined && known.verb !== '' && known.state === command.state;
    return command.verb !== '' && isFinal(command) && !heard;
  });
}
