/** Which numbers of an image are black and white in its picture, and which it really holds. */
import { formatMetric } from './number';

export interface ValueRange {
  shownLow: number;
  shownHigh: number;
  seenLow: number;
  seenHigh: number;
}

/** What of a picture's 256 levels is used, from 0 to 255. */
export interface Levels {
  low: number;
  high: number;
}

/** Pictures that use nearly all of it gain nothing from being stretched. */
const NEARLY_ALL = 0.9;

const between = (low: number, high: number): string =>
  `${formatMetric(low)}${low < 0 || high < 0 ? ' to ' : '–'}${formatMetric(high)}`;

/** Two or three digits of the extent: the extremes of noise have no round numbers. */
function rounded(value: number, extent: number): number {
  const decimals = Math.ceil(2 - Math.log10(extent || 1));
  return decimals > 0 && decimals <= 20 ? Number(value.toFixed(decimals)) : value;
}

/** null: nothing was said, or nothing that makes sense. */
export function readRange(told: ValueRange | undefined): ValueRange | null {
  if (told === undefined) return null;
  const { shownLow, shownHigh, seenLow, seenHigh } = told;
  const fine = [shownLow, shownHigh, seenLow, seenHigh].every(Number.isFinite);
  return fine && shownLow < shownHigh && seenLow <= seenHigh
    ? { shownLow, shownHigh, seenLow, seenHigh }
    : null;
}

/** The levels that hold the whole picture, where it uses only some of them; null: stretching it would show nothing more. */
export function usedLevels({ shownLow, shownHigh, seenLow, seenHigh }: ValueRange): Levels | null {
  const level = (value: number) =>
    Math.min(255, Math.max(0, ((value - shownLow) / (shownHigh - shownLow)) * 255));
  const [low, high] = [Math.floor(level(seenLow)), Math.ceil(level(seenHigh))];
  return high - low >= 1 && high - low <= 255 * NEARLY_ALL ? { low, high } : null;
}

/** "shown as 0–255, seen 0–16"; empty: there is nothing to say, for what is shown is what there is. */
export function rangeWords(range: ValueRange | null, stretched: boolean): string {
  if (range === null) return '';
  const { shownLow, shownHigh, seenLow, seenHigh } = range;
  const extent = seenHigh - seenLow;
  const seen = between(rounded(seenLow, extent), rounded(seenHigh, extent));
  if (seenLow < shownLow || seenHigh > shownHigh)
    return `shown as ${between(shownLow, shownHigh)}, seen ${seen}: cut`;
  if (usedLevels(range) === null) return '';
  return stretched
    ? `shown as ${seen}, auto-contrast`
    : `shown as ${between(shownLow, shownHigh)}, seen ${seen}`;
}
