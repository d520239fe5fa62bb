import { formatCount } from './number';
import type { Tile } from './tile';

export interface Judgement {
  right: number;
  judged: number;
}

/** How many of the tiles that can be judged are right. */
export function judge(tiles: readonly Tile[]): Judgement {
  const judged = tiles.filter((tile) => tile.right !== null);
  return { right: judged.filter((tile) => tile.right).length, judged: judged.length };
}

/** "15 of 16 right"; empty: nothing says what is right. */
export const rightWords = ({ right, judged }: Judgement): string =>
  judged === 0 ? '' : `${right} of ${judged} right`;

interface Told {
  step: number;
  rank: number;
}

/** Which frame it is: "step 1,240", and whose where several ranks send some. */
export const frameWords = ({ step, rank }: Told): string =>
  `step ${formatCount(step)}${rank > 0 ? `, rank ${rank}` : ''}`;
