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

export interface Smoothed {
  /** Where each value stands: the last place of its stretch. */
  at: Float64Array;
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
  const at = new Float64Array(buckets.size);
  const values = new Float64Array(buckets.size);
  let size = 0;
  let mean = 0;
  let mass = 0;
  let before = 0;
  for (let i = 0; i < buckets.size; i++) {
    const count = buckets.count[i] ?? 0;
    if (count === 0) continue;
    const index = buckets.index[i] ?? 0;
    mass = mass * Math.exp((-(index - before) * width) / extent) + count;
    before = index;
    // By shares, not by sums: those of the largest numbers are infinite.
    const share = count / mass;
    mean = mean * (1 - share) + (buckets.mean[i] ?? 0) * share;
    at[size] = Math.min(until, (index + 1) * width - 1);
    values[size++] = mean;
  }
  return { at: at.subarray(0, size), values: values.subarray(0, size) };
}
