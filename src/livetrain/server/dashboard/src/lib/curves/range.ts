/** Which part of y is in view: all of it, unless a few values would leave no room for the rest. */
import type { Line } from './line';

export interface YRange {
  min: number;
  max: number;
  /** How many values lie outside. */
  above: number;
  below: number;
  /** The greatest and the least of all; what lies outside goes so far. */
  highest: number;
  lowest: number;
}

/** At most this part of all values may be left outside... */
const FEW = 0.01;
/** ...and only if with them the view would be so many times as high. */
const FAR = 100;
const PADDING = 0.05;

type Scale = (value: number) => number;
const linear: Scale = (value) => value;
const exponential: Scale = (value) => 10 ** value;

/** Values in view that can be drawn, as they are placed on the scale. */
function valuesOf(lines: readonly Line[], from: number, to: number, log: boolean): Float64Array {
  let most = 0;
  for (const { x } of lines) most += x.length * 2;
  const values = new Float64Array(most);
  let size = 0;
  const put = (value: number | undefined) => {
    if (value === undefined || !Number.isFinite(value) || (log && value <= 0)) return;
    values[size++] = log ? Math.log10(value) : value;
  };
  const both = ({ low, high }: Line, i: number) => {
    put(low[i]);
    if (low[i] !== high[i]) put(high[i]);
  };
  for (const line of lines) {
    // What lies just outside decides how the line leaves the view, and not how high the view is.
    line.x.forEach((x, i) => {
      if (x >= from && x <= to) both(line, i);
    });
  }
  if (size > 0) return values.subarray(0, size).sort();
  for (const line of lines) {
    // A line may cross the view without a point in it.
    const after = line.x.findIndex((x) => x > to);
    if (after > 0) for (const i of [after - 1, after]) both(line, i);
  }
  return values.subarray(0, size).sort();
}

/**
 * The range of y for lines in a window of x.
 *
 * @param log the scale is logarithmic: what is not above 0 is not in view.
 * @param whole show everything, however far it is.
 * @returns null: there is nothing to draw.
 */
export function rangeOf(
  lines: readonly Line[],
  from: number,
  to: number,
  log: boolean,
  whole: boolean,
): YRange | null {
  const values = valuesOf(lines, from, to, log);
  const n = values.length;
  if (n === 0) return null;
  const back = log ? exponential : linear;
  const lowest = values[0] ?? 0;
  const highest = values[n - 1] ?? 0;
  let [low, high] = [lowest, highest];
  const few = n < 5 ? 0 : Math.ceil(n * FEW);
  const inner = [values[few] ?? 0, values[n - 1 - few] ?? 0] as const;
  // Of a constant its own size says what is far.
  const span = inner[1] - inner[0] || Math.abs(inner[1]) / 10;
  if (!whole && span > 0) {
    if (!(highest - inner[1] <= span * FAR)) high = inner[1];
    if (!(inner[0] - lowest <= span * FAR)) low = inner[0];
  }
  const [min, max] = padded(low, high, log);
  let above = 0;
  let below = 0;
  for (const value of values) {
    if (value > max) above++;
    else if (value < min) below++;
  }
  return { min: back(min), max: back(max), above, below, highest: back(highest), lowest: back(lowest) };
}

function padded(low: number, high: number, log: boolean): [number, number] {
  const least = log ? 0.3 : Math.abs(high) / 10 || 1;
  // The span of the largest numbers is infinite; its parts are not.
  const more = high > low ? high * PADDING - low * PADDING : least;
  const bound = log ? 308 : Number.MAX_VALUE;
  return [Math.max(-bound, low - more), Math.min(bound, high + more)];
}
