/** From curves to the aligned columns that a plot draws. */
import type { CurveBuffer } from './curve-buffer';
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

function union(lists: readonly (readonly number[])[]): number[] {
  const [only] = lists;
  if (lists.length === 1 && only) return only.filter((x, i) => x !== only[i - 1]);
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

export function plotData(curves: readonly CurveBuffer[], options: PlotOptions): PlotData {
  const lines = curves.map((curve) => lineOf(curve, options));
  const xs = union(lines.map((line) => line.xs));
  const at = new Map(xs.map((x, i) => [x, i]));
  const show = (value: number): number | null => (options.log && value <= 0 ? null : value);
  const columns = lines.flatMap((line) => {
    const raw = new Array<number | null>(xs.length).fill(null);
    const smoothed = new Array<number | null>(xs.length).fill(null);
    line.xs.forEach((x, i) => {
      const row = at.get(x) ?? 0;
      raw[row] = show(line.raw[i] ?? 0);
      if (line.smoothed !== null) smoothed[row] = show(line.smoothed[i] ?? 0);
    });
    return [raw, smoothed];
  });
  return { xs, columns };
}
