/** What a chart says at a place on its axis. */
import type { Axis } from './axis';
import type { Line } from './line';
import { placeNearest } from './search';
import { tickLabel, timeLabel } from './ticks';
import type { SmoothLine } from './view';

export interface Reading {
  /** Where the nearest point stands. */
  x: number;
  /** NaN: nothing was finite there. */
  value: number;
  /** Smoothed there; null: it is not. */
  smoothed: number | null;
  /** Values that the point stands for. */
  count: number;
}

/** What a curve says at x; null: it has no point. */
export function readingAt(
  { lines, smooth }: { lines: readonly Line[]; smooth: SmoothLine | null },
  x: number,
): Reading | null {
  // The newest pass counts.
  const line = lines.at(-1);
  const at = line === undefined ? null : placeNearest(line.x, x);
  if (line === undefined || at === null) return null;
  const near = smooth === null ? null : placeNearest(smooth.x, line.x[at] ?? x);
  return {
    x: line.x[at] ?? x,
    value: line.mean[at] ?? Number.NaN,
    smoothed: near === null ? null : (smooth?.y[near] ?? null),
    count: line.count[at] ?? 0,
  };
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** A place on the axis in words. */
export function placeWords(axis: Axis, x: number): string {
  if (axis === 'time') return timeLabel(x, x < 60 ? 0.1 : 1);
  if (axis === 'epoch') return `Epoch ${tickLabel(x, 0.01)}`;
  return `Step ${grouped.format(x)}`;
}
