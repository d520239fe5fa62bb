/** All points of a curve that has few: exact, whichever way they are looked at. */
import { Buckets } from './buckets';
import { widthAt, type Placing } from './grid';

export class RawPoints {
  size = 0;
  steps: Float64Array;
  values: Float64Array;
  timesUs: Float64Array;
  private readonly orders = new Map<Placing, Uint32Array>();

  constructor(capacity = 64) {
    this.steps = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
    this.timesUs = new Float64Array(capacity);
  }

  append(step: number, value: number, timeUs: number): void {
    const { size } = this;
    if (size === this.steps.length) this.grow(Math.max(16, size * 2));
    this.steps[size] = step;
    this.values[size] = value;
    this.timesUs[size] = timeUs;
    this.size = size + 1;
    this.orders.clear();
  }

  places(placing: Placing): Float64Array {
    return placing === 'step' ? this.steps : this.timesUs;
  }

  /** Which point comes when; at one place, which was given first. */
  order(placing: Placing): Uint32Array {
    let order = this.orders.get(placing);
    if (order === undefined) {
      const places = this.places(placing);
      order = Uint32Array.from({ length: this.size }, (_, i) => i);
      // Most are in order already, and sorting is not free.
      if (!ascending(places, this.size)) {
        order.sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0) || a - b);
      }
      this.orders.set(placing, order);
    }
    return order;
  }

  /** The first and the last place; null: there is no point. */
  ends(placing: Placing): [number, number] | null {
    if (this.size === 0) return null;
    const order = this.order(placing);
    const places = this.places(placing);
    return [places[order[0] ?? 0] ?? 0, places[order[this.size - 1] ?? 0] ?? 0];
  }

  /** @param order which points, by ascending place. */
  buckets(placing: Placing, level: number, order = this.order(placing)): Buckets {
    const width = widthAt(placing, level);
    const places = this.places(placing);
    const buckets = new Buckets(Math.min(order.length, 1024));
    for (const i of order) buckets.add(Math.floor((places[i] ?? 0) / width), this.values[i] ?? 0);
    return buckets;
  }

  private grow(capacity: number): void {
    for (const column of ['steps', 'values', 'timesUs'] as const) {
      const wider = new Float64Array(capacity);
      wider.set(this[column]);
      this[column] = wider;
    }
  }
}

function ascending(places: Float64Array, size: number): boolean {
  for (let i = 1; i < size; i++) if ((places[i] ?? 0) < (places[i - 1] ?? 0)) return false;
  return true;
}
