/** What is drawn of a curve: points of a line with their spread, breaks where nothing was finite, and where that was. */
import type { Buckets } from './buckets';
import type { RawPoints } from './raw-points';

/** Columns of equal length, by ascending x. */
export interface Line {
  x: Float64Array;
  /** NaN: the line breaks here. */
  mean: Float64Array;
  low: Float64Array;
  high: Float64Array;
  /** How many finite values each point stands for. */
  count: Float64Array;
  /** Pairs of x: from where to where no value was finite, both ends included. */
  holes: Float64Array;
}

class LineBuilder {
  private size = 0;
  private readonly x: Float64Array;
  private readonly mean: Float64Array;
  private readonly low: Float64Array;
  private readonly high: Float64Array;
  private readonly count: Float64Array;
  private readonly holes: number[] = [];
  private open = false;

  constructor(places: number) {
    // A place where some values were finite and some were not is a point and a break.
    this.x = new Float64Array(places * 2);
    this.mean = new Float64Array(places * 2);
    this.low = new Float64Array(places * 2);
    this.high = new Float64Array(places * 2);
    this.count = new Float64Array(places * 2);
  }

  put(x: number, mean: number, low: number, high: number, count: number, nonfinite: number): void {
    if (count > 0) {
      this.push(x, mean, low, high, count);
      this.open = false;
    }
    if (nonfinite === 0) return;
    this.push(x, Number.NaN, Number.NaN, Number.NaN, 0);
    if (this.open) this.holes[this.holes.length - 1] = x;
    else this.holes.push(x, x);
    this.open = true;
  }

  done(): Line {
    const { size } = this;
    return {
      x: this.x.slice(0, size),
      mean: this.mean.slice(0, size),
      low: this.low.slice(0, size),
      high: this.high.slice(0, size),
      count: this.count.slice(0, size),
      holes: Float64Array.from(this.holes),
    };
  }

  private push(x: number, mean: number, low: number, high: number, count: number): void {
    const at = this.size++;
    this.x[at] = x;
    this.mean[at] = mean;
    this.low[at] = low;
    this.high[at] = high;
    this.count[at] = count;
  }
}

/**
 * A line through the means of stretches, each in its middle.
 *
 * @param xOf from a place on the grid to x.
 * @param ends what the middle of the first and the last stretch may not go beyond: they may be filled in part.
 */
export function lineOfBuckets(
  buckets: Buckets,
  width: number,
  xOf: (place: number) => number,
  ends: readonly [number, number],
): Line {
  const builder = new LineBuilder(buckets.size);
  for (let i = 0; i < buckets.size; i++) {
    const { index, count, mean, min, max, nonfinite } = buckets.at(i);
    const middle = index * width + (width - 1) / 2;
    const x = xOf(Math.min(ends[1], Math.max(ends[0], middle)));
    builder.put(x, mean, min, max, count, nonfinite);
  }
  return builder.done();
}

/**
 * A line through points as they are; several at one place are their mean and their spread.
 *
 * @param order which points, by ascending place.
 */
export function lineOfPoints(
  points: RawPoints,
  order: Uint32Array,
  places: Float64Array,
  xOf: (place: number) => number,
): Line {
  const builder = new LineBuilder(order.length);
  let i = 0;
  while (i < order.length) {
    const place = places[order[i] ?? 0] ?? 0;
    let mean = Number.NaN;
    let low = Infinity;
    let high = -Infinity;
    let count = 0;
    let nonfinite = 0;
    for (; i < order.length && places[order[i] ?? 0] === place; i++) {
      const value = points.values[order[i] ?? 0] ?? Number.NaN;
      if (!Number.isFinite(value)) {
        nonfinite++;
        continue;
      }
      count++;
      mean = count === 1 ? value : mean * ((count - 1) / count) + value / count;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    builder.put(xOf(place), mean, low, high, count, nonfinite);
  }
  return builder.done();
}
