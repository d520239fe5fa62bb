/** The words about a whole frame, painted with it: they are never those of another one. */
import { frameWords, judge, rightWords } from '../lib/frame-facts';
import type { Box } from '../lib/mosaic-geometry';
import { rangeWords } from '../lib/value-range';
import type { FrameView } from './frame';
import type { Palette } from './palette';
import type { TextFitter } from './text-fitter';

const SIZE = 13;
const LINE = 18;

export function drawStatus(
  context: OffscreenCanvasRenderingContext2D,
  box: Box,
  view: FrameView,
  stretched: boolean,
  palette: Palette,
  fitter: TextFitter,
): void {
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.font = `600 ${SIZE}px ${palette.font}`;
  context.fillStyle = palette.text;
  const which = frameWords(view);
  context.fillText(which, box.x, box.y + 2);
  const taken = context.measureText(which).width + 10;
  context.font = `400 ${SIZE}px ${palette.font}`;
  context.fillStyle = palette.muted;
  const right = rightWords(judge(view.tiles));
  context.fillText(right, box.x + taken, box.y + 2);
  const range = rangeWords(view.range, stretched);
  if (range === '') return;
  // At the right end, or in a line of its own where there is room for one.
  const below = box.height >= 2 * LINE;
  const used = below ? 0 : taken + (right === '' ? 0 : context.measureText(right).width + 10);
  context.textAlign = below ? 'left' : 'right';
  const x = below ? box.x : box.x + box.width;
  context.fillText(fitter.fit(context, range, box.width - used), x, box.y + 2 + (below ? LINE : 0));
  context.textAlign = 'left';
}
