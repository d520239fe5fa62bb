/** What one tile says, ready to be painted or read out. */

import { formatConfidence } from './number';

export interface Score {
  index: number;
  label: string;
  score: number;
}

export interface Tile {
  /** -1: no class (a regression, a text). */
  index: number;
  label: string;
  /** 0 to 1; null: nobody told one. */
  confidence: number | null;
  /** null: no truth was given. */
  truth: { index: number; label: string } | null;
  /** null: cannot be told. */
  right: boolean | null;
  top: Score[];
  loss: number | null;
  id: string;
  /** A formatter's own text, in place of label and confidence. */
  caption: string;
  /** Why there is no picture, in a sentence; empty: there is one. */
  error: string;
}

/** How much the model believed in the truth, 0 to 1; null: no truth, or nobody told. */
export function confidenceInTruth(tile: Tile): number | null {
  if (tile.truth === null) return null;
  if (tile.right) return tile.confidence;
  const listed = tile.top.find((s) => s.index === tile.truth?.index);
  return listed?.score ?? (tile.confidence === null ? null : 0);
}

/** Higher is worse: the loss where there is one, else doubt in the truth, then in the prediction. */
function badness(tile: Tile, byLoss: boolean): number {
  if (tile.error !== '') return -Infinity;
  if (byLoss && tile.loss === null) return -Number.MAX_VALUE;
  if (byLoss && tile.loss !== null) return Number.isNaN(tile.loss) ? Infinity : tile.loss;
  if (tile.confidence === null) return tile.right === false ? 1 : 0;
  const belief = confidenceInTruth(tile);
  if (belief === null) return 1 - tile.confidence;
  // Equally little belief in the truth: the more certain of something else, the worse.
  return 1 - belief + (tile.right ? 0 : tile.confidence * 1e-3);
}

/** The order in which to show the tiles: positions of `tiles`, the worst first. Stable. */
export function worstFirst(tiles: readonly Tile[]): number[] {
  const byLoss = tiles.some((t) => t.loss !== null);
  const scores = tiles.map((t) => badness(t, byLoss));
  return tiles.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
}

export function verdict(tile: Tile): 'right' | 'wrong' | 'unknown' {
  if (tile.right === null) return 'unknown';
  return tile.right ? 'right' : 'wrong';
}

/** The headline of a tile: the caption, else the label. */
export function headline(tile: Tile): string {
  return tile.caption || tile.label || '–';
}

/** The tile in words, for those who hear the page. */
export function describeTile(tile: Tile): string {
  if (tile.error !== '') return `No picture: ${tile.error}`;
  const parts = [headline(tile)];
  if (tile.caption === '' && tile.index >= 0)
    parts.push(formatConfidence(tile.confidence).replace('%', ' %'));
  if (tile.right === true) parts.push('right');
  if (tile.right === false) parts.push(`wrong, truth ${tile.truth?.label ?? '?'}`);
  return parts.filter(Boolean).join(', ');
}
