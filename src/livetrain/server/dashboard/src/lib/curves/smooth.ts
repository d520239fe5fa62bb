/**
 * Smoothing by extent: an exponential mean over so many steps, or so much time.
 *
 * It is made from the means of the whole run's stretches, each weighted by its count, and never from what a view happens to show. So
 * it is the same live, reloaded and zoomed, and one spike among a thousand points pulls like one of a thousand.
 */
import type { Buckets } from './buckets';

/** How strongly a person wants it: 0 is not at all, each further notch doubles the extent. */
export const NOTCHES = 6;
/** The extent of the first notch is at least this part of the run, and less than twice it in steps. */
const PART = 1 / 128;

/**
 * How far a notch smooths, in steps or microseconds: at that distance the weight of a value has fallen to 1/e.
 *
 * It doubles when the run has doubled, and holds in between.
 *
 * @param length of the run.
 * @param width of the stretches that the run is known in.
 * @returns null: this notch does not smooth.
 */
export function extentOf(notch: number, length: number, width: number): number | null {
  if (notch < 1 || !(length > 0)) return null;
  const wish = length * PART * 2 ** (Math.min(notch, NOTCHES) - 1);
  if (wish <= width) return null;
  let extent = width;
  while (extent < wish) extent *= 2;
  return extent;
}

/** A stretch so many times as large as nearly all others is no part of the curve that one can see: 1e308 among losses. */
const ABSURD = 1e6;
const FEW = 0.01;

/** The largest size of a mean that is smoothed with the others. */
function boundOf({ count, mean, size }: Buckets): number {
  const sizes = mean.slice(0, size).map((value, i) => ((count[i] ?? 0) > 0 ? Math.abs(value) : 0));
  sizes.sort();
  const usual = sizes[size - 1 - Math.ceil(size * FEW)] ?? 0;
  return usual > 0 ? usual * ABSURD : Infinity;
}

export interface Smoothed {
  /** Where each value stands: the last place of its stretch. */
  at: Float64Array;
  /** NaN: the line breaks here, for something was not finite. */
  values: Float64Array;
}

/**
 * Smooth a curve that is known in stretches of `width`.
 *
 * A value is the mean of all points up to it, each weighted by exp(-distance / extent).
 *
 * @param until the last place of the curve; its last stretch may not be over yet.
 */
export function smooth(buckets: Buckets, width: number, extent: number, until: number): Smoothed {
  // A stretch where some values were finite and some were not is a value and a break.
  const at = new Float64Array(buckets.size * 2);
  const values = new Float64Array(buckets.size * 2);
  const most = boundOf(buckets);
  let size = 0;
  let mean = 0;
  let mass = 0;
  let before = 0;
  for (let i = 0; i < buckets.size; i++) {
    const count = buckets.count[i] ?? 0;
    const index = buckets.index[i] ?? 0;
    const end = Math.min(until, (index + 1) * width - 1);
    if (count > 0 && Math.abs(buckets.mean[i] ?? 0) <= most) {
      mass = mass * Math.exp((-(index - before) * width) / extent) + count;
      before = index;
      // By shares, not by sums: those of the largest numbers are infinite.
      const share = count / mass;
      mean = mean * (1 - share) + (buckets.mean[i] ?? 0) * share;
      at[size] = end;
      values[size++] = mean;
    }
    if ((buckets.nonfinite[i] ?? 0) > 0) {
      at[size] = end;
      values[size++] = Number.NaN;
    }
  }
  return { at: at.subarray(0, size), values: values.subarray(0, size) };
}
