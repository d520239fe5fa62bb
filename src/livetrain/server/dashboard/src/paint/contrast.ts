/** Stretches a painted picture that uses few of its levels over all of them, by blending alone: no pixel is read back. */
import type { Box } from '../lib/mosaic-geometry';
import type { Levels } from '../lib/value-range';

const grey = (level: number): string => `rgb(${level} ${level} ${level})`;

/** @param box the picture's place on the canvas. */
export function stretch(context: OffscreenCanvasRenderingContext2D, box: Box, { low, high }: Levels): void {
  const blend = (how: GlobalCompositeOperation, level: number) => {
    context.globalCompositeOperation = how;
    context.fillStyle = grey(level);
    context.fillRect(box.x, box.y, box.width, box.height);
  };
  if (low > 0) {
    // What compression left below the lowest level would come out too bright.
    blend('lighten', low);
    blend('difference', low);
  }
  // value / (1 - level): the highest becomes white.
  blend('color-dodge', 255 - (high - low));
  context.globalCompositeOperation = 'source-over';
}
