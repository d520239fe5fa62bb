/** The server's answers about curves, read with care: of another shape they are an error here and not somewhere in a chart. */
import { Buckets } from './buckets';
import { levelAt, levelFor, widthAt, type Placing } from './grid';
import { RawPoints } from './raw-points';
import type { Tip } from './tip';
import { WHOLE, WholeCurve } from './whole-curve';

type Json = Readonly<Record<string, unknown>>;

/** An answer curve by curve. */
export interface MetricsAnswer {
  /** The store that offsets are of; empty: not said. */
  epoch: string;
  curves: ReadonlyMap<string, Json>;
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const numbers = (value: unknown): readonly (number | null)[] =>
  Array.isArray(value) ? (value as (number | null)[]) : [];
const numberOr = (value: unknown, other: number): number => (typeof value === 'number' ? value : other);
const SECOND_US = 1e6;
const microseconds = (seconds: number | null | undefined): number => Math.round((seconds ?? 0) * SECOND_US);

export function readMetrics(answer: unknown): MetricsAnswer {
  if (!isObject(answer) || !isObject(answer.metrics)) throw new Error('the curves are not readable');
  return {
    epoch: typeof answer.epoch_id === 'string' ? answer.epoch_id : '',
    // A name may be any text: "__proto__" too.
    curves: new Map(
      Object.entries(answer.metrics).filter((entry): entry is [string, Json] => isObject(entry[1])),
    ),
  };
}

/** The newest event that is in a curve's answer; null: a server of before does not say. */
export const offsetOf = (curve: Json): number | null =>
  typeof curve.offset === 'number' ? curve.offset : null;

const KINDS = new Map<unknown, number>([
  ['inf', Infinity],
  ['-inf', -Infinity],
]);

/** All points of a curve. */
export function readPoints(curve: Json): RawPoints {
  const [steps, values, times] = [numbers(curve.steps), numbers(curve.values), numbers(curve.times)];
  const odd = Array.isArray(curve.nonfinite) ? (curve.nonfinite as unknown[]) : [];
  const points = new RawPoints(Math.max(16, steps.length));
  let next = 0;
  steps.forEach((step, i) => {
    let value = values[i] ?? null;
    if (value === null) {
      const kind = odd[next++];
      value = KINDS.get(isObject(kind) ? kind.kind : null) ?? Number.NaN;
    }
    points.append(step ?? 0, value, microseconds(times[i]));
  });
  return points;
}

const isStretches = (curve: Json): boolean => Array.isArray(curve.count);

/** Stretches of a width: what the answer says of each, or for a server of before what its points say. */
function readStretches(curve: Json, placing: Placing, width: number): Buckets {
  const places = placing === 'step' ? numbers(curve.steps) : numbers(curve.times).map(microseconds);
  const buckets = new Buckets(places.length);
  if (!isStretches(curve)) {
    const points = readPoints(curve);
    const own = points.places(placing);
    for (const i of points.order(placing))
      buckets.add(Math.floor((own[i] ?? 0) / width), points.values[i] ?? 0);
    return buckets;
  }
  const columns = {
    count: numbers(curve.count),
    mean: numbers(curve.mean),
    min: numbers(curve.min),
    max: numbers(curve.max),
    first: numbers(curve.first),
    last: numbers(curve.last),
    nonfinite: numbers(curve.nonfinite_count),
  };
  places.forEach((place, i) => {
    const [count, nonfinite] = [columns.count[i] ?? 0, columns.nonfinite[i] ?? 0];
    if (count === 0 && nonfinite === 0) return;
    buckets.put({
      index: Math.floor((place ?? 0) / width),
      count,
      mean: columns.mean[i] ?? Number.NaN,
      min: columns.min[i] ?? Number.NaN,
      max: columns.max[i] ?? Number.NaN,
      first: columns.first[i] ?? Number.NaN,
      last: columns.last[i] ?? Number.NaN,
      nonfinite,
    });
  });
  return buckets;
}

/** A curve that was asked for as a whole. */
export function readWhole(curve: Json, placing: Placing, offset: number): WholeCurve {
  if (!isStretches(curve)) {
    const ends = readPoints(curve).ends(placing) ?? [0, 0];
    const level = levelFor(placing, ends[0], ends[1], WHOLE);
    const buckets = readStretches(curve, placing, widthAt(placing, level));
    return new WholeCurve(placing, level, buckets, offset, ends[1]);
  }
  const said = numberOr(curve.width, 1);
  const level = levelAt(placing, placing === 'step' ? said : microseconds(said));
  const width = widthAt(placing, level);
  const buckets = readStretches(curve, placing, width);
  const end = ((buckets.index[buckets.size - 1] ?? 0) + 1) * width - 1;
  const last =
    placing === 'step' ? numbers(curve.last_step).at(-1) : numbers(curve.last_time).map(microseconds).at(-1);
  return new WholeCurve(placing, level, buckets, offset, Math.min(end, last ?? end));
}

/** Which step each stretch begins with. */
export const readFirstSteps = (curve: Json): number[] => numbers(curve.first_step).map((step) => step ?? 0);

/** Parts of a curve that were asked for on the borders of tiles. */
export const readTiles = (curve: Json, placing: Placing, level: number): Buckets =>
  readStretches(curve, placing, widthAt(placing, level));

/** Which step was when, as far as an answer by step says it: ascending steps, and microseconds since 1970. */
export function readTimes(curve: Json): [steps: number[], timesUs: number[]] {
  const firsts = isStretches(curve) ? numbers(curve.first_step) : [];
  const steps = (firsts.length > 0 ? firsts : numbers(curve.steps)).map((step) => step ?? 0);
  return [steps, numbers(curve.times).slice(0, steps.length).map(microseconds)];
}

/** A page of the list of all curves. */
export interface SummaryAnswer {
  tips: Tip[];
  total: number;
  /** What to ask after for the next page; null: that was the last. */
  next: string | null;
}

export function readSummary(answer: unknown): SummaryAnswer {
  if (!isObject(answer) || !Array.isArray(answer.metrics))
    throw new Error('the list of curves is not readable');
  const finite = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const tips = (answer.metrics as unknown[]).filter(isObject).map((row): Tip => ({
    name: typeof row.name === 'string' ? row.name : '',
    step: numberOr(row.last_step, 0),
    value: typeof row.last === 'number' ? row.last : (KINDS.get(row.last_kind) ?? Number.NaN),
    timeUs: microseconds(finite(row.last_time)),
    points: numberOr(row.points, 0),
    nonfinite: numberOr(row.nonfinite, 0),
    lastFinite: finite(row.last_finite),
    lastFiniteStep: finite(row.last_finite_step),
    attempt: numberOr(row.attempt, 1),
  }));
  return {
    tips,
    total: numberOr(answer.total, tips.length),
    next: typeof answer.next === 'string' ? answer.next : null,
  };
}
