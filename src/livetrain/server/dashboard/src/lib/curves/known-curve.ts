/** What the page knows of one curve: all of its points where they are few, else the whole in stretches and some parts closely. */
import type { PointColumns } from '../points';
import type { Buckets } from './buckets';
import { widthAt, type Placing } from './grid';
import { RawPoints } from './raw-points';
import { placesOf, Tiles, type TileRun } from './tiles';
import { WholeCurve } from './whole-curve';

/** Curves of at most so many points are asked for as they are. */
export const FEW_POINTS = 2048;
/** So many may come to them before they are known in stretches too. */
export const MANY_POINTS = 8192;

/** The same where steps come more than once: only single points can be told into passes. */
export const PASSES_POINTS = 20_000;

/** Points that are all there, and up to which event. */
interface Exact {
  points: RawPoints;
  offset: number;
}

/** What can be put in: an answer to a question about one curve. */
export type Part =
  | { kind: 'points'; points: RawPoints; offset: number }
  /** `firstSteps`: which step each stretch begins with. */
  | { kind: 'whole'; whole: WholeCurve; firstSteps: readonly number[] }
  | { kind: 'tiles'; run: TileRun; buckets: Buckets; offset: number };

export class KnownCurve {
  private exact: Exact | null = null;
  private readonly wholes = new Map<Placing, WholeCurve>();
  private readonly firstSteps = new Map<Placing, readonly number[]>();
  private readonly tiles = { step: new Tiles('step'), time: new Tiles('time') };
  /** Goes up when there is something else to see. */
  version = 0;

  /** Every point; null: not known, or too many. */
  get points(): RawPoints | null {
    return this.exact?.points ?? null;
  }

  whole(placing: Placing): WholeCurve | null {
    return this.wholes.get(placing) ?? null;
  }

  /**
   * The place from which a curve that has ended is at a step or beyond it.
   *
   * @returns Infinity: it never is.
   */
  placeOfStep(placing: Placing, step: number): number {
    if (placing === 'step') return step;
    const whole = this.wholes.get(placing);
    const at = this.firstSteps.get(placing)?.findIndex((first) => first >= step) ?? -1;
    return whole === undefined || at < 0 ? Infinity : (whole.buckets.index[at] ?? 0) * whole.width;
  }

  /** The first and the last place that it has; null: nothing is known. */
  ends(placing: Placing): readonly [number, number] | null {
    const exact = this.exact?.points.ends(placing);
    const whole = this.wholes.get(placing);
    if (exact || whole === undefined || whole.buckets.size === 0) return exact ?? null;
    return [(whole.buckets.index[0] ?? 0) * whole.width, whole.last];
  }

  closely(placing: Placing): Tiles {
    return this.tiles[placing];
  }

  /** Whether more points came than it is worth to keep one by one. */
  get grown(): boolean {
    return (this.exact?.points.size ?? 0) > (this.restarts ? PASSES_POINTS : MANY_POINTS);
  }

  /** Whether steps come more than once: it may be drawn in passes, and for that all points are needed. */
  get restarts(): boolean {
    const whole = this.wholes.get('step');
    if (whole === undefined) return false;
    const { count, size } = whole.buckets;
    for (let i = 0; i < size; i++) if ((count[i] ?? 0) > whole.width) return true;
    return false;
  }

  get bytes(): number {
    const exact = (this.exact?.points.steps.length ?? 0) * 24;
    return exact + this.tiles.step.bytes + this.tiles.time.bytes;
  }

  /** @param later points that came live since it was asked for; the answer may hold some of them. */
  put(part: Part, later: readonly PointColumns[]): void {
    this.version++;
    if (part.kind === 'points') {
      each(later, part.offset, (step, value, timeUs) => part.points.append(step, value, timeUs));
      this.exact = { points: part.points, offset: part.offset };
    } else if (part.kind === 'whole') {
      const { whole } = part;
      each(later, whole.offset, (step, value, timeUs) =>
        whole.append(whole.placing === 'step' ? step : timeUs, value),
      );
      this.wholes.set(whole.placing, whole);
      this.firstSteps.set(whole.placing, part.firstSteps);
      if (this.grown) this.exact = null;
    } else {
      const { run, buckets, offset } = part;
      const [from, to] = placesOf(run);
      const width = widthAt(run.placing, run.level);
      each(later, offset, (step, value, timeUs) => {
        const place = run.placing === 'step' ? step : timeUs;
        if (place >= from && place <= to) buckets.add(Math.floor(place / width), value);
      });
      this.tiles[run.placing].put(run, buckets, offset);
    }
  }

  /** Points that came live: each goes where it is not in yet. */
  append(columns: PointColumns): void {
    this.version++;
    each([columns], -1, (step, value, timeUs, offset) => {
      if (this.exact !== null && offset > this.exact.offset) this.exact.points.append(step, value, timeUs);
      for (const [placing, whole] of this.wholes) {
        if (offset > whole.offset) whole.append(placing === 'step' ? step : timeUs, value);
      }
      this.tiles.step.append(step, value, offset);
      this.tiles.time.append(timeUs, value, offset);
    });
  }

  /** Forget what is not looked at. */
  trim(tiles: number): void {
    this.tiles.step.trim(tiles);
    this.tiles.time.trim(tiles);
  }
}

type Take = (step: number, value: number, timeUs: number, offset: number) => void;

/** Each point that came after an event. */
function each(all: readonly PointColumns[], after: number, take: Take): void {
  for (const { steps, values, timesUs, offsets } of all) {
    for (let i = 0; i < steps.length; i++) {
      const offset = offsets[i] ?? 0;
      if (offset > after) take(steps[i] ?? 0, values[i] ?? 0, timesUs[i] ?? 0, offset);
    }
  }
}
