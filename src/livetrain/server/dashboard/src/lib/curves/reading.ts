/** What a chart says at a place on its axis. */
import type { Axis } from './axis';
import type { DrawnLine } from './parts';
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
  { lines, smooth }: { lines: readonly DrawnLine[]; smooth: readonly SmoothLine[] },
  x: number,
): Reading | null {
  // What counts is read, of several starts the nearest.
  const main = lines.filter(({ role }) => role === 'main').map(({ line }) => line);
  const line = nearestOf(main, x);
  const at = line === null ? null : placeNearest(line.x, x);
  if (line === null || at === null) return null;
  const there = line.x[at] ?? x;
  const near = nearestOf(smooth, there);
  const place = near === null ? null : placeNearest(near.x, there);
  return {
    x: there,
    value: line.mean[at] ?? Number.NaN,
    smoothed: place === null ? null : (near?.y[place] ?? null),
    count: line.count[at] ?? 0,
  };
}

/** The one that has a point nearest to x, of two as near the later; null: none has a point. */
function nearestOf<T extends { x: Float64Array }>(lines: readonly T[], x: number): T | null {
  let nearest: T | null = null;
  let distance = Infinity;
  for (const line of lines) {
    const at = placeNearest(line.x, x);
    if (at === null) continue;
    const away = Math.abs((line.x[at] ?? x) - x);
    if (away <= distance) [nearest, distance] = [line, away];
  }
  return nearest;
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** A place on the axis in words. */
export function placeWords(axis: Axis, x: number): string {
  if (axis === 'time') return timeLabel(x, x < 60 ? 0.1 : 1);
  if (axis === 'epoch') return `Epoch ${tickLabel(x, 0.01)}`;
  return `Step ${grouped.format(x)}`;
}
