/**
 * Stretches of equal extent on an axis. The server's answers use the same widths, aligned at 0, so that what the page folds by
 * itself and what it is answered can be put together.
 */

/** What points are placed by: whole steps, or microseconds since 1970. */
export type Placing = 'step' | 'time';

const MANTISSAS = [1, 2, 5] as const;

/** The width of a level: powers of two in steps, 1, 2 and 5 times a power of ten in microseconds. */
export function widthAt(placing: Placing, level: number): number {
  if (placing === 'step') return 2 ** level;
  return (MANTISSAS[level % 3] ?? 1) * 10 ** Math.floor(level / 3);
}

/** The finest level whose width is at least `width`. */
export function levelAt(placing: Placing, width: number): number {
  let level = 0;
  while (widthAt(placing, level) < width) level++;
  return level;
}

/** The finest level above `level` whose stretches are made of whole ones of `level`: 2 does not divide 5. */
export function coarserLevel(placing: Placing, level: number): number {
  const width = widthAt(placing, level);
  let next = level + 1;
  while (widthAt(placing, next) % width !== 0) next++;
  return next;
}

/** The finest level at which at most `most` stretches cover a window; both ends are within it. */
export function levelFor(placing: Placing, from: number, to: number, most: number): number {
  if (!(to >= from) || !Number.isFinite(to - from)) return 0;
  let level = levelAt(placing, (to - from + 1) / most);
  // A window that is not aligned can touch one stretch more than its extent fills.
  for (;;) {
    const width = widthAt(placing, level);
    if (Math.floor(to / width) - Math.floor(from / width) + 1 <= most) return level;
    level++;
  }
}
