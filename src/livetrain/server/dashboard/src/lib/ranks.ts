/** Several ranks of one run, in words. */
import { formatCount } from './format';
import { standing, type Standing } from './words';

interface Rank {
  rank: number;
  contact: string;
  status: string;
  steps: number;
  stepMs: number | null;
  ownMs: number | null;
}

/** How one rank stands; silence is never called a crash. */
export const rankStanding = ({ status, contact }: Rank): Standing => standing(status, contact, '', '');

/** The share of a step that it takes alone, 0 to 1; null: not known. */
export function ownShare({ stepMs, ownMs }: Rank): number | null {
  if (stepMs === null || ownMs === null || stepMs <= 0) return null;
  return Math.min(1, ownMs / stepMs);
}

export const milliseconds = (value: number | null): string =>
  value === null ? '–' : `${value < 10 ? value.toFixed(1) : formatCount(Math.round(value))} ms`;

/** "4 ranks", or how many of them reported so far. */
export const countWords = (here: number, worldSize: number): string =>
  here < worldSize ? `${here} of ${worldSize} ranks` : `${here} ranks`;
