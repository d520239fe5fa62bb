/** Parts of a curve that were looked at closely: tiles of so many stretches of one width, at places that never shift. */
import { BUCKET_BYTES, Buckets } from './buckets';
import { levelFor, widthAt, type Placing } from './grid';
import { WHOLE } from './whole-curve';

/** Stretches of a tile. */
export const TILE = 256;

interface Tile {
  buckets: Buckets;
  /** Of the newest event whose points are in it. */
  offset: number;
  /** When it was looked at last. */
  used: number;
}

/** Tiles next to each other that can be asked for together. */
export interface TileRun {
  placing: Placing;
  level: number;
  first: number;
  last: number;
}

/** The places that tiles cover, both ends included. */
export function placesOf({ placing, level, first, last }: TileRun): [number, number] {
  const extent = widthAt(placing, level) * TILE;
  return [first * extent, (last + 1) * extent - 1];
}

export class Tiles {
  private readonly levels = new Map<number, Map<number, Tile>>();
  private clock = 0;

  constructor(readonly placing: Placing) {}

  /** How near a window is looked at. */
  levelOf(from: number, to: number): number {
    return levelFor(this.placing, from, to, WHOLE);
  }

  /** What is to be asked for before a window can be shown at a level. */
  missing(level: number, from: number, to: number): TileRun[] {
    const runs: TileRun[] = [];
    const known = this.levels.get(level);
    for (const tile of this.tilesOf(level, from, to)) {
      if (known?.has(tile)) continue;
      const last = runs.at(-1);
      if (last?.last === tile - 1) last.last = tile;
      else runs.push({ placing: this.placing, level, first: tile, last: tile });
    }
    return runs;
  }

  /** An answer to what was asked for. */
  put(run: TileRun, answer: Buckets, offset: number): void {
    let known = this.levels.get(run.level);
    if (known === undefined) this.levels.set(run.level, (known = new Map<number, Tile>()));
    for (let tile = run.first; tile <= run.last; tile++) {
      known.set(tile, { buckets: new Buckets(), offset, used: ++this.clock });
    }
    for (let i = 0; i < answer.size; i++) {
      const bucket = answer.at(i);
      known.get(Math.floor(bucket.index / TILE))?.buckets.put(bucket);
    }
  }

  /** Fold a point in where it is looked at closely. */
  append(place: number, value: number, offset: number): void {
    for (const [level, known] of this.levels) {
      const index = Math.floor(place / widthAt(this.placing, level));
      const tile = known.get(Math.floor(index / TILE));
      if (tile !== undefined && offset > tile.offset) tile.buckets.add(index, value);
    }
  }

  /** What is known of a window at a level, as one. */
  read(level: number, from: number, to: number): Buckets {
    const width = widthAt(this.placing, level);
    const read = new Buckets(WHOLE);
    const known = this.levels.get(level);
    for (const number of this.tilesOf(level, from, to)) {
      const tile = known?.get(number);
      if (tile === undefined) continue;
      tile.used = ++this.clock;
      for (let i = 0; i < tile.buckets.size; i++) {
        const bucket = tile.buckets.at(i);
        // One more on either side: the line goes on beyond the view.
        if ((bucket.index + 2) * width > from && (bucket.index - 1) * width <= to) read.put(bucket);
      }
    }
    return read;
  }

  get bytes(): number {
    let buckets = 0;
    for (const known of this.levels.values()) for (const tile of known.values()) buckets += tile.buckets.size;
    return buckets * BUCKET_BYTES;
  }

  /** Forget what was looked at least lately, down to so many tiles. */
  trim(most: number): void {
    const all = [...this.levels].flatMap(([level, known]) =>
      [...known].map(([number, tile]) => ({ level, number, used: tile.used })),
    );
    all.sort((a, b) => b.used - a.used);
    for (const { level, number } of all.slice(most)) this.levels.get(level)?.delete(number);
  }

  private *tilesOf(level: number, from: number, to: number): Iterable<number> {
    const extent = widthAt(this.placing, level) * TILE;
    const last = Math.floor(to / extent);
    for (let tile = Math.max(0, Math.floor(from / extent)); tile <= last; tile++) yield tile;
  }
}
