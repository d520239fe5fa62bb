/** The part of the x axis in view; null: all of it, and what comes. */
export type Range = readonly [number, number];

export function clampRange(range: Range, whole: Range): Range | null {
  const from = Math.max(range[0], whole[0]);
  const to = Math.min(range[1], whole[1]);
  if (!(to > from) || (from <= whole[0] && to >= whole[1])) return null;
  return [from, to];
}

/** Zooms around the middle; `factor` below 1 comes nearer. */
export function scaleRange(range: Range | null, whole: Range, factor: number): Range | null {
  const [from, to] = range ?? whole;
  const middle = (from + to) / 2;
  const half = ((to - from) / 2) * factor;
  return clampRange([middle - half, middle + half], whole);
}

/** Moves by a share of what is in view and stops at the ends. */
export function panRange(range: Range | null, whole: Range, share: number): Range | null {
  if (range === null) return null;
  const width = range[1] - range[0];
  const shift = Math.min(Math.max(width * share, whole[0] - range[0]), whole[1] - range[1]);
  return [range[0] + shift, range[1] + shift];
}
