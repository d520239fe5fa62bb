/** A whole curve in at most so many stretches. As it grows they get wider, and it is what an answer about all of it would be. */
import { coarsen, type Buckets } from './buckets';
import { coarserLevel, widthAt, type Placing } from './grid';

/** A curve is known in more than half, and at most so many stretches, unless it has fewer places. */
export const WHOLE = 1024;

export class WholeCurve {
  /**
   * @param offset of the newest event whose points are in `buckets`.
   * @param last the last place that has a point.
   */
  constructor(
    readonly placing: Placing,
    private atLevel: number,
    private known: Buckets,
    readonly offset: number,
    private lastPlace: number,
  ) {}

  get level(): number {
    return this.atLevel;
  }

  get width(): number {
    return widthAt(this.placing, this.atLevel);
  }

  get buckets(): Buckets {
    return this.known;
  }

  get last(): number {
    return this.lastPlace;
  }

  /** How much of the axis lies between the ends, both included. */
  get length(): number {
    return this.known.size === 0 ? 0 : this.lastPlace - (this.known.index[0] ?? 0) * this.width + 1;
  }

  /** Fold a point in that came after all of `offset`. */
  append(place: number, value: number): void {
    this.known.add(Math.floor(place / this.width), value);
    this.lastPlace = Math.max(this.lastPlace, place);
    while (this.slots() > WHOLE) this.widen();
  }

  private slots(): number {
    const { size, index } = this.known;
    return size === 0 ? 0 : (index[size - 1] ?? 0) - (index[0] ?? 0) + 1;
  }

  private widen(): void {
    const next = coarserLevel(this.placing, this.atLevel);
    this.known = coarsen(this.known, widthAt(this.placing, next) / this.width);
    this.atLevel = next;
  }
}
