/** From curves to the aligned columns that a plot draws. */
import type { CurveBuffer, Polyline } from './curve-buffer';
import { smooth } from './smoothing';

export type Axis = 'step' | 'time' | 'epoch';

export interface PlotOptions {
  axis: Axis;
  /** 0 to 0.99. */
  smoothing: number;
  /** Values that a logarithmic scale cannot show are left out. */
  log: boolean;
  /** Unix seconds that `time` counts from. */
  origin: number;
  /** For the axis by epoch; 0: not known. */
  batchesPerEpoch: number;
}

export interface PlotData {
  xs: number[];
  /** Two columns a curve, raw and smoothed; null: no point of this curve at this x. */
  columns: (number | null)[][];
}

/** Curves with fewer points than this are shown as they are. */
const WORTH_SMOOTHING = 20;

function xsOf(steps: readonly number[], times: readonly number[], options: PlotOptions): number[] {
  if (options.axis === 'time') {
    let latest = -Infinity;
    // Clocks of several ranks may disagree a little; a plot's x may not go back.
    return times.map((time) => (latest = Math.max(latest, time - options.origin)));
  }
  if (options.axis === 'epoch' && options.batchesPerEpoch > 0) {
    return steps.map((step) => (step + 1) / options.batchesPerEpoch);
  }
  return steps.slice();
}

/** Where a step stands on the axis; null: the axis cannot say. By time it is where this line came to that step. */
export function xOf(
  step: number,
  line: Pick<Polyline, 'steps' | 'times'>,
  options: Pick<PlotOptions, 'axis' | 'origin' | 'batchesPerEpoch'>,
): number | null {
  if (options.axis === 'step') return step;
  if (options.axis === 'epoch') {
    return options.batchesPerEpoch > 0 ? (step + 1) / options.batchesPerEpoch : null;
  }
  const { steps, times } = line;
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? Infinity) < step) low = middle + 1;
    else high = middle;
  }
  // A command after the last step that was logged stands at that one.
  const time = times[Math.min(low, times.length - 1)];
  return time === undefined ? null : time - options.origin;
}

interface Line {
  xs: number[];
  raw: number[];
  smoothed: number[] | null;
}

function lineOf(curve: CurveBuffer, options: PlotOptions): Line {
  const { steps, times, values, means, weights } = curve.polyline();
  const worth = options.smoothing > 0 && values.length >= WORTH_SMOOTHING;
  return {
    xs: xsOf(steps, times, options),
    raw: values,
    smoothed: worth ? smooth(means, weights, options.smoothing) : null,
  };
}

/** Every x of any line, ascending, each once. */
function union(lists: readonly (readonly number[])[]): number[] {
  const at = lists.map(() => 0);
  const xs: number[] = [];
  for (;;) {
    let next = Infinity;
    for (let k = 0; k < lists.length; k++) next = Math.min(next, lists[k]?.[at[k] ?? 0] ?? Infinity);
    if (next === Infinity) return xs;
    xs.push(next);
    for (let k = 0; k < lists.length; k++) {
      let i = at[k] ?? 0;
      while (lists[k]?.[i] === next) i++;
      at[k] = i;
    }
  }
}

/** Values at the x of the union; where a line has several at one x, its last. */
function spread(xs: readonly number[], own: readonly number[], values: readonly number[], log: boolean) {
  let i = 0;
  return xs.map((x) => {
    let value: number | null = null;
    for (; own[i] === x; i++) value = values[i] ?? null;
    return log && value !== null && value <= 0 ? null : value;
  });
}

export function plotData(curves: readonly CurveBuffer[], options: PlotOptions): PlotData {
  const lines = curves.map((curve) => lineOf(curve, options));
  const xs = union(lines.map((line) => line.xs));
  const columns = lines.flatMap(({ xs: own, raw, smoothed }) => [
    spread(xs, own, raw, options.log),
    smoothed === null ? xs.map(() => null) : spread(xs, own, smoothed, options.log),
  ]);
  return { xs, columns };
}
