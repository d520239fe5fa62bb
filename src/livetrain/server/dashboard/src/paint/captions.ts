/** The words, sign and bar under each picture. */
import { formatConfidence, formatMetric } from '../lib/format';
import type { Box } from '../lib/mosaic-geometry';
import { headline, verdict, type Tile } from '../lib/tile';
import type { Palette } from './palette';
import type { TextFitter } from './text-fitter';

const BAR = 3;

export interface Caption {
  tile: Tile;
  cell: Box;
}

function colourOf(tile: Tile, palette: Palette): string {
  return palette[{ right: 'right', wrong: 'wrong', unknown: 'neutral' }[verdict(tile)] as 'right'];
}

/** A tick in a disc or a cross in a square: told apart without seeing their colours. */
function badge(
  context: OffscreenCanvasRenderingContext2D,
  tile: Tile,
  x: number,
  y: number,
  size: number,
  palette: Palette,
): void {
  const said = verdict(tile);
  if (said === 'unknown') return;
  context.fillStyle = colourOf(tile, palette);
  context.beginPath();
  if (said === 'right') context.arc(x + size / 2, y + size / 2, size / 2, 0, Math.PI * 2);
  else context.rect(x, y, size, size);
  context.fill();
  context.strokeStyle = palette.onBadge;
  context.lineWidth = Math.max(1.4, size / 8);
  context.beginPath();
  const at = (px: number, py: number): [number, number] => [x + size * px, y + size * py];
  if (said === 'right') {
    context.moveTo(...at(0.28, 0.52));
    context.lineTo(...at(0.44, 0.68));
    context.lineTo(...at(0.73, 0.34));
  } else {
    context.moveTo(...at(0.28, 0.28));
    context.lineTo(...at(0.72, 0.72));
    context.moveTo(...at(0.72, 0.28));
    context.lineTo(...at(0.28, 0.72));
  }
  context.stroke();
}

function secondLine(tile: Tile, terse: boolean): string {
  if (tile.truth !== null) return terse ? tile.truth.label : `truth ${tile.truth.label}`;
  if (tile.loss !== null) return `loss ${formatMetric(tile.loss)}`;
  return tile.id;
}

/** Line by line over all tiles rather than tile by tile: setting a font is what costs. */
export function drawCaptions(
  context: OffscreenCanvasRenderingContext2D,
  captions: readonly Caption[],
  palette: Palette,
  fitter: TextFitter,
): void {
  const side = captions[0]?.cell.width ?? 0;
  const narrow = side < 100;
  const terse = side < 150;
  const size = side < 100 ? 11 : side < 200 ? 13 : 15;
  const sign = size;
  const inset = sign + (narrow ? 3 : 6);
  const lineOne = side + BAR + (narrow ? 4 : 6);
  const lineTwo = lineOne + size + 3;
  context.textBaseline = 'top';

  for (const { tile, cell } of captions) {
    context.fillStyle = palette.track;
    context.fillRect(cell.x, cell.y + side, side, BAR);
    const confidence = tile.confidence ?? 0;
    if (confidence > 0) {
      context.fillStyle = colourOf(tile, palette);
      context.fillRect(cell.x, cell.y + side, side * Math.min(1, confidence), BAR);
    }
    badge(context, tile, cell.x, cell.y + lineOne, sign, palette);
  }

  const lead = (tile: Tile) => (verdict(tile) === 'unknown' ? 0 : inset);
  const numbers = captions.map(({ tile }) =>
    tile.caption === '' && tile.index >= 0 ? formatConfidence(tile.confidence) : '',
  );
  context.font = `600 ${size}px ${palette.font}`;
  context.fillStyle = palette.text;
  context.textAlign = 'left';
  captions.forEach(({ tile, cell }) => {
    const words = fitter.fit(context, headline(tile), side - lead(tile));
    context.fillText(words, cell.x + lead(tile), cell.y + lineOne);
  });

  context.font = `400 ${narrow ? 10 : size - 1}px ${palette.font}`;
  context.fillStyle = palette.muted;
  context.textAlign = 'right';
  captions.forEach(({ cell }, i) => context.fillText(numbers[i] ?? '', cell.x + side, cell.y + lineTwo));
  context.textAlign = 'left';
  const widthOfNumber = narrow ? 32 : 42;
  captions.forEach(({ tile, cell }, i) => {
    context.fillStyle = tile.right === false ? palette.wrong : palette.muted;
    const room = side - lead(tile) - (numbers[i] === '' ? 0 : widthOfNumber);
    context.fillText(
      fitter.fit(context, secondLine(tile, terse), room),
      cell.x + lead(tile),
      cell.y + lineTwo,
    );
  });
}
