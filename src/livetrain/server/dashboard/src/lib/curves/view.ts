/** From what is known of a curve to what is drawn of it. */
import { placingOf, xOfPlace, type AxisOptions } from './axis';
import { levelFor, widthAt } from './grid';
import type { KnownCurve } from './known-curve';
import { lineOfBuckets, lineOfPoints, type Line } from './line';
import { passesOf } from './passes';
import type { RawPoints } from './raw-points';
import { extentOf, smooth } from './smooth';
import type { TileRun, Tiles } from './tiles';
import { WHOLE, WholeCurve } from './whole-curve';

export interface ViewOptions extends AxisOptions {
  /** The part of the axis in view, in steps or microseconds since 1970; null: all of it, and what comes. */
  window: readonly [from: number, to: number] | null;
  /** How strongly it is smoothed, 0 to 6. */
  notch: number;
  /** A curve that smoothing would only tell late: a schedule, or what is a mean already. */
  exact: boolean;
  /** Of what the curve is a part: how much of the axis that covers, and how many points it has; null: it is all. */
  part: { length: number; points: number } | null;
}

export interface SmoothLine {
  x: Float64Array;
  y: Float64Array;
  /** How far it is smoothed, in steps or microseconds. */
  extent: number;
}

export interface CurveView {
  /** The first and the last x that the whole curve has. */
  ends: readonly [number, number];
  /** Each pass of a curve whose steps begin again, the newest last; mostly there is one. */
  lines: Line[];
  smooth: SmoothLine | null;
  /** How many steps or microseconds a point of a line stands for; 1: it is exact. */
  width: number;
}

/** Curves with fewer points are never smoothed. */
export const WORTH_SMOOTHING = 256;
/** Points in view up to which each is drawn. */
const EXACT = 2 * WHOLE;
/** Passes that are drawn, the newest. */
const PASSES = 12;

/** The view of a curve; null: nothing is known of it. */
export function viewOf(curve: KnownCurve, options: ViewOptions): CurveView | null {
  if (curve.points !== null) return viewOfPoints(curve.points, options);
  return viewOfStretches(curve, options);
}

function viewOfPoints(points: RawPoints, options: ViewOptions): CurveView | null {
  const placing = placingOf(options);
  const ends = points.ends(placing);
  if (ends === null) return null;
  const xOf = (place: number) => xOfPlace(place, options);
  const places = points.places(placing);
  const passes = placing === 'step' ? passesOf(points) : [points.order(placing)];
  const newest = passes.at(-1) ?? new Uint32Array();
  const level = levelFor(placing, ends[0], ends[1], WHOLE);
  const whole = new WholeCurve(placing, level, points.buckets(placing, level, newest), 0, ends[1]);
  const smoothed = smoothLine(whole, newest.length, options);
  const seen = passes.length > 1 ? 0 : within(places, newest, options.window);
  if (seen <= EXACT) {
    const lines = passes.slice(-PASSES).map((pass) => lineOfPoints(points, pass, places, xOf));
    return { ends: [xOf(ends[0]), xOf(ends[1])], lines, smooth: smoothed, width: 1 };
  }
  const near = options.window === null ? level : levelFor(placing, ...options.window, WHOLE);
  const width = widthAt(placing, near);
  const line = lineOfBuckets(points.buckets(placing, near, newest), width, xOf, ends);
  return { ends: [xOf(ends[0]), xOf(ends[1])], lines: [line], smooth: smoothed, width };
}

/** The part of a curve that is looked at more closely than the whole is known; null: there is none. */
function closeUp(whole: WholeCurve, { window }: ViewOptions, tiles: Tiles) {
  if (window === null) return null;
  const level = tiles.levelOf(...window);
  // Beyond the ends there is nothing to be asked for.
  const [from, to] = [Math.max(firstOf(whole), window[0]), Math.min(whole.last, window[1])];
  return level < whole.level && from <= to ? { level, from, to } : null;
}

const firstOf = (whole: WholeCurve): number => (whole.buckets.index[0] ?? 0) * whole.width;

/** What has to be asked for before the view is all there is to see; empty: nothing. */
export function missingOf(curve: KnownCurve, options: ViewOptions): TileRun[] {
  const placing = placingOf(options);
  const whole = curve.whole(placing);
  if (curve.points !== null || whole === null) return [];
  const near = closeUp(whole, options, curve.closely(placing));
  return near === null ? [] : curve.closely(placing).missing(near.level, near.from, near.to);
}

function viewOfStretches(curve: KnownCurve, options: ViewOptions): CurveView | null {
  const placing = placingOf(options);
  const whole = curve.whole(placing);
  if (whole === null) return null;
  const xOf = (place: number) => xOfPlace(place, options);
  const ends = [firstOf(whole), whole.last] as const;
  const smoothed = smoothLine(whole, whole.buckets.total(), options);
  const tiles = curve.closely(placing);
  const near = closeUp(whole, options, tiles);
  // Until all of it is there, the whole stands in for the part.
  if (near === null || tiles.missing(near.level, near.from, near.to).length > 0) {
    const line = lineOfBuckets(whole.buckets, whole.width, xOf, ends);
    return { ends: [xOf(ends[0]), xOf(ends[1])], lines: [line], smooth: smoothed, width: whole.width };
  }
  const width = widthAt(placing, near.level);
  const line = lineOfBuckets(tiles.read(near.level, near.from, near.to), width, xOf, ends);
  return { ends: [xOf(ends[0]), xOf(ends[1])], lines: [line], smooth: smoothed, width };
}

/** The smoothed line of a whole curve, whatever part of it is in view; null: it is shown as it is. */
function smoothLine(whole: WholeCurve, points: number, options: ViewOptions): SmoothLine | null {
  const { part } = options;
  if (options.exact || (part?.points ?? points) < WORTH_SMOOTHING) return null;
  const extent = extentOf(options.notch, part?.length ?? whole.length, whole.width);
  if (extent === null) return null;
  const { at, values } = smooth(whole.buckets, whole.width, extent, whole.last);
  return { x: at.map((place) => xOfPlace(place, options)), y: values, extent };
}

function within(places: Float64Array, order: Uint32Array, window: ViewOptions['window']): number {
  if (window === null) return order.length;
  let seen = 0;
  for (const i of order) {
    const place = places[i] ?? 0;
    if (place >= window[0] && place <= window[1]) seen++;
  }
  return seen;
}
