/** A curve of a training that was started several times: what counts of each start, and what another one replaced. */
import { placeFrom } from './search';
import type { Line } from './line';
import type { CurveView, SmoothLine } from './view';

/** What a line is in its chart. */
export type Role =
  /** It counts. */
  | 'main'
  /** An earlier pass of steps that began again. */
  | 'pass'
  /** A later start of the training has replaced it. */
  | 'replaced';

export interface DrawnLine {
  role: Role;
  line: Line;
}

export interface DrawnParts {
  ends: readonly [number, number];
  lines: DrawnLine[];
  /** Each start by itself: between two there is nothing that could be smoothed. */
  smooth: SmoothLine[];
  /** The widest stretch that a point of a line stands for. */
  width: number;
}

/** One start of the training and its view. */
export interface Part {
  view: CurveView;
  /** From this x on it was replaced; null: it counts to its end. */
  until: number | null;
}

/** The parts of a curve as one; null: there is none. */
export function joinParts(parts: readonly Part[]): DrawnParts | null {
  if (parts.length === 0) return null;
  const joined: DrawnParts = { ends: [Infinity, -Infinity], lines: [], smooth: [], width: 1 };
  for (const { view, until } of parts) {
    joined.ends = [Math.min(joined.ends[0], view.ends[0]), Math.max(joined.ends[1], view.ends[1])];
    joined.width = Math.max(joined.width, view.width);
    view.lines.forEach((line, i) => {
      const role = i === view.lines.length - 1 ? 'main' : 'pass';
      const [counts, replaced] = until === null ? [line, null] : splitLine(line, until);
      if (counts.x.length > 0) joined.lines.push({ role, line: counts });
      if (replaced !== null && replaced.x.length > 0) joined.lines.push({ role: 'replaced', line: replaced });
    });
    if (view.smooth === null) continue;
    const { x, y, extent } = view.smooth;
    const end = until === null ? x.length : placeFrom(x, until);
    if (end > 0) joined.smooth.push({ x: x.slice(0, end), y: y.slice(0, end), extent });
  }
  return joined;
}

/** What of a line lies before x, and what lies at it or after it. */
export function splitLine(line: Line, x: number): [Line, Line] {
  const at = placeFrom(line.x, x);
  const cut = (from: number, to: number, holes: number[]): Line => ({
    x: line.x.slice(from, to),
    mean: line.mean.slice(from, to),
    low: line.low.slice(from, to),
    high: line.high.slice(from, to),
    count: line.count.slice(from, to),
    holes: Float64Array.from(holes),
  });
  const before: number[] = [];
  const after: number[] = [];
  for (let i = 0; i < line.holes.length; i += 2) {
    const [from, to] = [line.holes[i] ?? 0, line.holes[i + 1] ?? 0];
    if (from < x) before.push(from, Math.min(to, line.x[at - 1] ?? to));
    if (to >= x) after.push(Math.max(from, line.x[at] ?? from), to);
  }
  return [cut(0, at, before), cut(at, line.x.length, after)];
}
