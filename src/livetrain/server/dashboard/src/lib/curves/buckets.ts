/**
 * What is known of the points in each stretch of an axis. Putting two together gives what all points together would have given, so
 * a curve may be folded from points, from answers of the server, or from both, in any pieces.
 */

/** One stretch. Of values that are not finite only their number is known; without a finite one, `mean` and the rest are NaN. */
export interface Bucket {
  /** Which stretch: it covers `index * width` up to, and without, `(index + 1) * width`. */
  index: number;
  /** Finite values. */
  count: number;
  mean: number;
  min: number;
  max: number;
  first: number;
  last: number;
  /** Values that are NaN or infinite. */
  nonfinite: number;
}

const COLUMNS = ['index', 'count', 'mean', 'min', 'max', 'first', 'last', 'nonfinite'] as const;
/** Bytes that a bucket takes. */
export const BUCKET_BYTES = COLUMNS.length * 8;

/** Stretches that hold something, by ascending index, as columns. */
export class Buckets {
  size = 0;
  index: Float64Array;
  count: Float64Array;
  mean: Float64Array;
  min: Float64Array;
  max: Float64Array;
  first: Float64Array;
  last: Float64Array;
  nonfinite: Float64Array;

  constructor(capacity = 16) {
    this.index = new Float64Array(capacity);
    this.count = new Float64Array(capacity);
    this.mean = new Float64Array(capacity);
    this.min = new Float64Array(capacity);
    this.max = new Float64Array(capacity);
    this.first = new Float64Array(capacity);
    this.last = new Float64Array(capacity);
    this.nonfinite = new Float64Array(capacity);
  }

  /** Fold one value in; it comes after those that its stretch holds. */
  add(index: number, value: number): void {
    const finite = Number.isFinite(value);
    const known = finite ? value : Number.NaN;
    this.put({
      index,
      count: finite ? 1 : 0,
      mean: known,
      min: known,
      max: known,
      first: known,
      last: known,
      nonfinite: finite ? 0 : 1,
    });
  }

  /** Fold a stretch in; its points come after those that are here. */
  put(bucket: Bucket): void {
    const at = this.place(bucket.index);
    if (at === this.size || this.index[at] !== bucket.index) {
      this.open(at);
      this.set(at, bucket);
      return;
    }
    this.nonfinite[at] = (this.nonfinite[at] ?? 0) + bucket.nonfinite;
    if (bucket.count === 0) return;
    const before = this.count[at] ?? 0;
    const count = before + bucket.count;
    if (before === 0) {
      this.set(at, { ...bucket, nonfinite: this.nonfinite[at] ?? 0 });
      return;
    }
    // Not by the sum: that of the largest numbers is infinite.
    this.mean[at] = (this.mean[at] ?? 0) * (before / count) + bucket.mean * (bucket.count / count);
    this.min[at] = Math.min(this.min[at] ?? 0, bucket.min);
    this.max[at] = Math.max(this.max[at] ?? 0, bucket.max);
    this.last[at] = bucket.last;
    this.count[at] = count;
  }

  at(i: number): Bucket {
    return {
      index: this.index[i] ?? 0,
      count: this.count[i] ?? 0,
      mean: this.mean[i] ?? 0,
      min: this.min[i] ?? 0,
      max: this.max[i] ?? 0,
      first: this.first[i] ?? 0,
      last: this.last[i] ?? 0,
      nonfinite: this.nonfinite[i] ?? 0,
    };
  }

  /** All values, those too that are not finite. */
  total(): number {
    let total = 0;
    for (let i = 0; i < this.size; i++) total += (this.count[i] ?? 0) + (this.nonfinite[i] ?? 0);
    return total;
  }

  /** Where the first stretch with at least this index stands. */
  place(index: number): number {
    const { size } = this;
    // Most of what comes belongs to the end.
    if (size === 0 || (this.index[size - 1] ?? 0) < index) return size;
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.index[middle] ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private set(at: number, bucket: Bucket): void {
    for (const column of COLUMNS) this[column][at] = bucket[column];
  }

  private open(at: number): void {
    const { size } = this;
    for (const column of COLUMNS) {
      if (size === this[column].length) {
        const wider = new Float64Array(Math.max(16, size * 2));
        wider.set(this[column]);
        this[column] = wider;
      }
      if (at < size) this[column].copyWithin(at + 1, at, size);
    }
    this.size = size + 1;
  }
}

/**
 * The same in wider stretches.
 *
 * @param factor how many of these make one of those.
 */
export function coarsen(buckets: Buckets, factor: number): Buckets {
  if (factor === 1) return buckets;
  const wider = new Buckets(Math.ceil(buckets.size / factor) + 1);
  for (let i = 0; i < buckets.size; i++) {
    const bucket = buckets.at(i);
    wider.put({ ...bucket, index: Math.floor(bucket.index / factor) });
  }
  return wider;
}
