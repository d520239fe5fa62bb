/** Paints a frame's sixteen tiles on one canvas, in the worker: the page's own thread has no part in it. */
import { contain, isPixelated, layOut, type Box, type Geometry } from '../lib/mosaic-geometry';
import { worstFirst } from '../lib/tile';
import { TILES } from '../lib/tiles-of';
import { usedLevels } from '../lib/value-range';
import { drawCaptions } from './captions';
import { stretch } from './contrast';
import { freePictures, sourceOf, type DecodedFrame, type FrameView, type Source } from './frame';
import type { Palette } from './palette';
import { drawStatus } from './status-line';
import { TextFitter } from './text-fitter';

export type Order = 'drawn' | 'worst';

export class Mosaic {
  private readonly context: OffscreenCanvasRenderingContext2D;
  private readonly fitter = new TextFitter();
  private geometry: Geometry = layOut(640);
  private scale = 1;
  private frame: DecodedFrame | null = null;
  private order: Order = 'drawn';
  private stretched = false;
  /** Which tile stands at each position. */
  positions: number[] = [];

  constructor(
    private readonly canvas: OffscreenCanvas,
    private palette: Palette,
  ) {
    // Opaque: the compositor then copies instead of blending.
    const context = canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('this browser gives no 2d canvas');
    this.context = context;
  }

  /** What is painted; null: nothing yet. */
  get view(): FrameView | null {
    return this.frame?.view ?? null;
  }

  /** @param width CSS pixels; the height follows from it. */
  resize(width: number, scale: number): void {
    this.geometry = layOut(width);
    this.scale = scale;
    this.canvas.width = Math.round(this.geometry.width * scale);
    this.canvas.height = Math.round(this.geometry.height * scale);
    this.redraw();
  }

  recolour(palette: Palette): void {
    this.palette = palette;
    this.redraw();
  }

  setOrder(order: Order): void {
    this.order = order;
    this.redraw();
  }

  /** Whether pictures that use few of their levels are stretched. */
  setContrast(stretched: boolean): void {
    this.stretched = stretched;
    this.redraw();
  }

  /** Takes the frame over: its bitmaps are freed when the next one is painted. */
  paint(frame: DecodedFrame): void {
    if (this.frame !== null) freePictures(this.frame);
    this.frame = frame;
    this.redraw();
  }

  /** The picture at a position by itself; null: there is none. */
  closeUp(position: number, side: number): ImageBitmap | null {
    const source = this.frame && sourceOf(this.frame.pictures, this.positions[position] ?? -1);
    const canvas = new OffscreenCanvas(side, side);
    const context = canvas.getContext('2d');
    if (!source || !context) return null;
    this.drawPicture(context, source, contain(source.width, source.height, side), 0, 0, side / this.scale);
    return canvas.transferToImageBitmap();
  }

  free(): void {
    if (this.frame !== null) freePictures(this.frame);
    this.frame = null;
  }

  private redraw(): void {
    const { context, geometry, palette, frame } = this;
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.fillStyle = palette.surface;
    context.fillRect(0, 0, geometry.width, geometry.height);
    const tiles = frame?.view.tiles ?? [];
    this.positions = this.order === 'worst' ? worstFirst(tiles) : tiles.map((_, i) => i);
    for (let position = 0; position < TILES; position++) this.drawSquare(position);
    const captions = this.positions.flatMap((at, position) => {
      const tile = tiles[at];
      const cell = geometry.cells[position];
      return tile && cell ? [{ tile, cell }] : [];
    });
    drawCaptions(context, captions, palette, this.fitter);
    if (frame !== null)
      drawStatus(context, geometry.status, frame.view, this.stretched, palette, this.fitter);
  }

  private drawSquare(position: number): void {
    const { context, geometry, palette, frame } = this;
    const cell = geometry.cells[position];
    if (cell === undefined) return;
    const { side } = geometry;
    const at = this.positions[position] ?? -1;
    const tile = frame?.view.tiles[at];
    const source = frame === null || tile === undefined ? null : sourceOf(frame.pictures, at);
    const box = source && contain(source.width, source.height, side);
    if (box === null || box.width < side || box.height < side) {
      context.fillStyle = palette.well;
      context.fillRect(cell.x, cell.y, side, side);
    }
    if (source && box) this.drawPicture(context, source, box, cell.x, cell.y, side);
    else if (tile !== undefined) this.drawError(tile.error, cell);
    if (tile?.right === false) {
      context.strokeStyle = palette.wrong;
      context.lineWidth = 2;
      context.strokeRect(cell.x + 1, cell.y + 1, side - 2, side - 2);
    }
  }

  private drawPicture(
    context: OffscreenCanvasRenderingContext2D,
    { image, x, y, width, height }: Source,
    box: Box,
    left: number,
    top: number,
    shownSide: number,
  ): void {
    context.imageSmoothingEnabled = !isPixelated(Math.max(width, height), shownSide * this.scale);
    const target = { ...box, x: left + box.x, y: top + box.y };
    context.drawImage(image, x, y, width, height, target.x, target.y, target.width, target.height);
    const range = this.stretched ? (this.frame?.view.range ?? null) : null;
    const levels = range && usedLevels(range);
    if (levels !== null) stretch(context, target, levels);
  }

  private drawError(error: string, cell: Box): void {
    const { context, palette } = this;
    context.fillStyle = palette.muted;
    context.font = `400 12px ${palette.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const words = error.split(' ');
    const lines: string[] = [];
    for (const word of words) {
      const last = lines.at(-1);
      if (last !== undefined && context.measureText(`${last} ${word}`).width < cell.width - 12)
        lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    const shown = lines.slice(0, 5);
    shown.forEach((words, i) => {
      const y = cell.y + cell.width / 2 + (i - (shown.length - 1) / 2) * 15;
      context.fillText(this.fitter.fit(context, words, cell.width - 8), cell.x + cell.width / 2, y);
    });
  }
}
