/**
 * One metric's points, bounded in memory and true to every spike.
 *
 * A point is a bucket. While there is room each bucket is one raw point; past the cap neighbours of about equal
 * weight are merged, and a merged bucket keeps its smallest and its largest value, each at its own step. So detail is
 * spread evenly over the whole run, however long it goes on, and no spike is ever lost.
 */

interface Bucket {
  minStep: number;
  min: number;
  minTime: number;
  maxStep: number;
  max: number;
  maxTime: number;
  mean: number;
  /** How many raw points this bucket stands for. */
  weight: number;
}

/** Points in the order they are drawn; the arrays have equal lengths. */
export interface Polyline {
  steps: number[];
  times: number[];
  values: number[];
  /** The mean of the bucket that a point belongs to: what smoothing starts from. */
  means: number[];
  /** The bucket's weight, shared among its points. */
  weights: number[];
}

export interface NonFinite {
  count: number;
  lastStep: number;
}

const firstStep = (b: Bucket): number => Math.min(b.minStep, b.maxStep);
const lastStep = (b: Bucket): number => Math.max(b.minStep, b.maxStep);

function merge(a: Bucket, b: Bucket): Bucket {
  const low = a.min <= b.min ? a : b;
  const high = a.max >= b.max ? a : b;
  const weight = a.weight + b.weight;
  return {
    minStep: low.minStep,
    min: low.min,
    minTime: low.minTime,
    maxStep: high.maxStep,
    max: high.max,
    maxTime: high.maxTime,
    mean: (a.mean * a.weight + b.mean * b.weight) / weight,
    weight,
  };
}

/** Neighbours that weigh at most `width` together become one. */
function mergeUpTo(width: number, buckets: readonly Bucket[]): Bucket[] {
  const merged: Bucket[] = [];
  for (const bucket of buckets) {
    const previous = merged.at(-1);
    if (previous !== undefined && previous.weight + bucket.weight <= width) {
      merged[merged.length - 1] = merge(previous, bucket);
    } else {
      merged.push(bucket);
    }
  }
  return merged;
}

export class CurveBuffer {
  private buckets: Bucket[] = [];
  /** The most that a merged bucket may weigh; doubles when merging up to it does not free enough. */
  private width = 2;
  /** Finite points given so far, merged or not. */
  total = 0;
  last: { step: number; value: number; time: number } | null = null;
  nonFinite: NonFinite = { count: 0, lastStep: -1 };

  constructor(readonly capacity = 1024) {
    if (capacity < 4) throw new RangeError(`capacity ${capacity}: a curve needs at least 4 buckets`);
  }

  get size(): number {
    return this.buckets.length;
  }

  /** `weight`: how many raw points this one stands for, above 1 when the server has down-sampled. */
  append(step: number, value: number, time: number, weight = 1): void {
    if (!Number.isFinite(value)) {
      this.nonFinite = { count: this.nonFinite.count + 1, lastStep: Math.max(step, this.nonFinite.lastStep) };
      return;
    }
    this.total += weight;
    if (this.last === null || step >= this.last.step) this.last = { step, value, time };
    this.insert({
      minStep: step,
      min: value,
      minTime: time,
      maxStep: step,
      max: value,
      maxTime: time,
      mean: value,
      weight,
    });
    if (this.buckets.length > this.capacity) this.compact();
  }

  /** In place of all that was here. */
  replace(
    steps: ArrayLike<number>,
    values: ArrayLike<number>,
    times: ArrayLike<number>,
    total: number,
  ): void {
    this.buckets = [];
    this.width = 2;
    this.total = 0;
    this.last = null;
    this.nonFinite = { count: 0, lastStep: -1 };
    const weight = Math.max(1, total / Math.max(1, steps.length));
    for (let i = 0; i < steps.length; i++) {
      this.append(steps[i] ?? 0, values[i] ?? Number.NaN, times[i] ?? 0, weight);
    }
  }

  polyline(): Polyline {
    const line: Polyline = { steps: [], times: [], values: [], means: [], weights: [] };
    const push = (bucket: Bucket, step: number, time: number, value: number, weight: number) => {
      line.steps.push(step);
      line.times.push(time);
      line.values.push(value);
      line.means.push(bucket.mean);
      line.weights.push(weight);
    };
    for (const b of this.buckets) {
      if (b.minStep === b.maxStep) {
        push(b, b.minStep, b.minTime, b.max, b.weight);
        continue;
      }
      const half = b.weight / 2;
      const low = () => push(b, b.minStep, b.minTime, b.min, half);
      const high = () => push(b, b.maxStep, b.maxTime, b.max, half);
      for (const put of b.minStep < b.maxStep ? [low, high] : [high, low]) put();
    }
    return line;
  }

  private insert(bucket: Bucket): void {
    const step = bucket.minStep;
    let at = this.buckets.length;
    // Records of several ranks come a little out of order; anything older is rare.
    for (let b = this.buckets.at(-1); b && lastStep(b) > step; b = this.buckets[at - 1]) at--;
    const after = this.buckets[at];
    if (after !== undefined && firstStep(after) < step) {
      // Inside a merged bucket: it becomes part of it, so that steps stay ascending.
      this.buckets[at] = merge(after, bucket);
    } else if (at === this.buckets.length) {
      this.buckets.push(bucket);
    } else {
      this.buckets.splice(at, 0, bucket);
    }
  }

  private compact(): void {
    const goal = this.capacity * 0.75;
    for (;;) {
      this.buckets = mergeUpTo(this.width, this.buckets);
      if (this.buckets.length <= goal) return;
      this.width *= 2;
    }
  }
}
