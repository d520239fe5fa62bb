import type { Tile } from './tile';

/** How many of the tiles that can be judged are right. */
export function judge(tiles: readonly Tile[]): { right: number; judged: number } {
  const judged = tiles.filter((tile) => tile.right !== null);
  return { right: judged.filter((tile) => tile.right).length, judged: judged.length };
}
