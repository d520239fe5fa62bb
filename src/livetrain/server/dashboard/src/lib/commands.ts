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
  /** What took effect, and what held before. */
  values: Readonly<Record<string, string>>;
  previous: Readonly<Record<string, string>>;
  ranks: readonly number[];
  /** When the end was heard; null: it is not there, or the time is not known. */
  settledMs: number | null;
  /** Why this page could not give it to the server; empty: it could. */
  trouble: string;
}

/** What one source says; what is left out it does not know. */
export type CommandPart = Pick<Command, 'id'> & Partial<Omit<Command, 'id'>>;
export type CommandBook = ReadonlyMap<string, Command>;

/**
 * What is believed where several ranks or servers say several things: the heaviest. A trainer never applies too late, so
 * that it did outweighs the guess that it would not; that one rank failed outweighs that the others did not.
 */
const WEIGHT: Record<CommandState, number> = {
  sending: 0,
  queued: 1,
  sent: 2,
  accepted: 3,
  expired: 4,
  applied: 5,
  failed: 6,
  rejected: 7,
};
const KEPT = 1000;

export const isFinal = ({ state }: Command): boolean => WEIGHT[state] >= WEIGHT.expired;

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
  previous: {},
  ranks: [],
  settledMs: null,
  trouble: '',
});

const filled = (texts: Readonly<Record<string, string>> | undefined) =>
  texts !== undefined && Object.keys(texts).length > 0 ? texts : undefined;

function join(known: Command, part: CommandPart): Command {
  const next: Command = {
    ...known,
    verb: part.verb ?? known.verb,
    parameters: part.parameters ?? known.parameters,
    issuedBy: part.issuedBy ?? known.issuedBy,
    issuedMs: part.issuedMs ?? known.issuedMs,
  };
  const state = part.state ?? known.state;
  if (state === 'applied') {
    next.ranks = [...new Set([...known.ranks, ...(part.ranks ?? [])])].sort((a, b) => a - b);
    next.appliedStep = known.appliedStep ?? part.appliedStep ?? null;
  }
  if (WEIGHT[state] > WEIGHT[known.state]) {
    next.state = state;
    next.message = part.message ?? '';
    next.values = filled(part.values) ?? known.values;
    next.previous = filled(part.previous) ?? known.previous;
    next.settledMs = part.settledMs ?? null;
    next.trouble = '';
  } else if (state === known.state) {
    next.settledMs = known.settledMs ?? part.settledMs ?? null;
    // One that was taken, and waits for the next epoch, says so by a second word of the same state.
    if (state === 'accepted') next.message = part.message || known.message;
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

/** The newest command that set this value or may still do so, as far as the server told; '' where none did. */
export function lastSet(book: CommandBook, name: string): string {
  const heavy = newestFirst(book).find(
    ({ verb, state, parameters }) =>
      verb === 'set' &&
      Object.hasOwn(parameters, name) &&
      ['queued', 'sent', 'accepted', 'applied'].includes(state),
  );
  return heavy?.id ?? '';
}

/** Those that came to their end, or to another one, from one book to the next. */
export function newlyFinal(before: CommandBook, after: CommandBook): Command[] {
  return [...after.values()].filter((command) => {
    const known = before.get(command.id);
    const heard = known !== undefined && known.verb !== '' && known.state === command.state;
    return command.verb !== '' && isFinal(command) && !heard;
  });
}
