/** Several ranks of one run, in words. */
import { formatCount } from './format';
import { isOver, standing, type Standing } from './words';

interface Rank {
  rank: number;
  contact: string;
  status: string;
  /** That it made; 0: none. */
  steps: number;
}

interface Pace {
  /** Milliseconds of a recent step, and of that what the rank took alone; null: not known. */
  stepMs: number | null;
  ownMs: number | null;
}

/** Whether a rank went away without a word: it is not heard any more, or the run is over and it never said that it is. */
export function isLost({ contact, status }: Rank, over: boolean): boolean {
  if (isOver(status)) return false;
  return contact === 'lost' || status === 'lost' || (over && contact === 'ended');
}

/** "at step 400", the last that it made. */
const whereWords = ({ steps }: Rank): string =>
  steps > 0 ? `at step ${formatCount(steps - 1)}` : 'before its first step';

/**
 * How one rank stands; silence is never called a crash.
 *
 * @param over the run has ended: nothing of it is running.
 */
export function rankStanding(rank: Rank, over: boolean): Standing {
  const { status, contact } = rank;
  if (isLost(rank, over)) {
    const word = over ? `Lost ${whereWords(rank)}` : 'Lost contact';
    return { word, tone: 'bad', explanation: over ? '' : `Last heard ${whereWords(rank)}.` };
  }
  if (over && !isOver(status)) return { word: 'Ending', tone: 'busy', explanation: '' };
  return standing(status, contact, '', '');
}

/** What a run's word leaves out: "rank 3 lost at step 400"; empty: no rank was lost. */
export function lostWords(ranks: readonly Rank[], over: boolean): string {
  const lost = ranks.filter((rank) => isLost(rank, over));
  const [first] = lost;
  if (first === undefined) return '';
  if (lost.length === 1) return `rank ${first.rank} lost ${whereWords(first)}`;
  if (lost.length > 4) return `${formatCount(lost.length)} ranks lost`;
  const numbers = lost.map(({ rank }) => rank);
  const same = lost.every(({ steps }) => steps === first.steps) ? ` ${whereWords(first)}` : '';
  return `ranks ${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1) ?? ''} lost${same}`;
}

/**
 * One list of what the run's state and its performance say of the ranks. The state knows them after the end too, and of ranks
 * that nobody hears; the performance is newer while they train.
 */
export function joinRanks<T extends Rank>(told: readonly T[], live: readonly T[], over: boolean): T[] {
  const byRank = new Map(live.map((rank) => [rank.rank, rank]));
  for (const rank of told) if (over || !byRank.has(rank.rank)) byRank.set(rank.rank, rank);
  return [...byRank.values()].sort((a, b) => a.rank - b.rank);
}

/** The share of a step that it takes alone, 0 to 1; null: not known. */
export function ownShare({ stepMs, ownMs }: Pace): number | null {
  if (stepMs === null || ownMs === null || stepMs <= 0) return null;
  return Math.min(1, ownMs / stepMs);
}

export const milliseconds = (value: number | null): string =>
  value === null ? '–' : `${value < 10 ? value.toFixed(1) : formatCount(value)} ms`;

/** "4 ranks", or how many of them reported so far. */
export const countWords = (here: number, worldSize: number): string =>
  here < worldSize ? `${here} of ${worldSize} ranks` : `${here} ranks`;
