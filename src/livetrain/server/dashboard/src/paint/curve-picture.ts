/** One chart's picture: axes, grid and curves on a canvas. */
import type { Axis } from '../lib/curves/axis';
import type { Line } from '../lib/curves/line';
import type { DrawnLine, Role } from '../lib/curves/parts';
import { rangeOf, type YRange } from '../lib/curves/range';
import { countTicks, fittingTicks, logTicks, numberTicks, timeTicks, type Tick } from '../lib/curves/ticks';
import type { SmoothLine } from '../lib/curves/view';
import { markHoles, strokeLine, strokeSmooth, type Box, type Stroke, type Strokes } from './curve-strokes';
import { scaleOf, type Scale } from './scale';

export interface PictureCurve {
  colour: string;
  lines: readonly DrawnLine[];
  smooth: readonly SmoothLine[];
}

export interface PictureInk {
  font: string;
  text: string;
  grid: string;
  bad: string;
}

export interface PictureOptions {
  width: number;
  height: number;
  /** Pixels of the device in one of the page. */
  ratio: number;
  axis: Axis;
  log: boolean;
  /** Every value is in view, however far it is. */
  whole: boolean;
  /** What of x is in view. */
  range: readonly [number, number];
  ink: PictureInk;
}

/** Where things stand on the picture that was drawn. */
export interface Placed {
  box: Box;
  x: Scale;
  y: Scale;
  /** null: there was nothing to draw. */
  range: YRange | null;
}

/** Room above for the flags of marks. */
const TOP = 20;
const BOTTOM = 26;
const RIGHT = 10;
const LABEL_GAP = 8;
const Y_ROOM = 34;
const X_GAP = 18;

export function paintCurves(
  context: CanvasRenderingContext2D,
  curves: readonly PictureCurve[],
  options: PictureOptions,
): Placed {
  const { width, height, ratio, log, ink } = options;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = ink.font;
  const [from, to] = options.range;
  const all = curves.flatMap(({ lines }) => lines.map(({ line }) => line));
  const range = rangeOf(all, from, to, log, options.whole);
  const plotHeight = Math.max(1, height - TOP - BOTTOM);
  const most = Math.max(2, Math.floor(plotHeight / Y_ROOM));
  const yTicks = range === null ? [] : (log ? logTicks : numberTicks)(range.min, range.max, most);
  const labelWidth = Math.max(24, ...yTicks.map(({ label }) => context.measureText(label).width));
  const left = Math.ceil(labelWidth) + LABEL_GAP;
  const box: Box = { left, top: TOP, width: Math.max(1, width - left - RIGHT), height: plotHeight };
  const x = scaleOf(from, to, left, left + box.width);
  const y = scaleOf(range?.min ?? 0, range?.max ?? 1, TOP + plotHeight, TOP, log);
  paintYAxis(context, box, y, yTicks, ink);
  paintXAxis(context, box, x, options);
  const strokes: Strokes = { context, box, x, y };
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 2, box.width, box.height + 4);
  context.clip();
  for (const { lines } of curves) for (const { line } of lines) markHoles(strokes, line, ink.bad);
  if (range !== null) for (const curve of curves) paintCurve(strokes, curve, log);
  context.restore();
  return { box, x, y, range };
}

/** Beside its smoothed self a line steps back; what does not count is faint. */
function strokeOf(role: Role, colour: string, smoothed: boolean): Stroke {
  if (role === 'replaced') return { colour, width: 1, alpha: 0.3, bandAlpha: 0.06 };
  if (role === 'pass') return { colour, width: 1, alpha: 0.3, bandAlpha: 0.1 };
  if (smoothed) return { colour, width: 1, alpha: 0.35, bandAlpha: 0.1 };
  return { colour, width: 1.5, alpha: 1, bandAlpha: 0.18 };
}

function paintCurve(strokes: Strokes, { colour, lines, smooth }: PictureCurve, log: boolean): void {
  // What counts is drawn last, and lies above.
  const order = [...lines].sort((a, b) => Number(a.role === 'main') - Number(b.role === 'main'));
  for (const { role, line } of order) {
    strokeLine(strokes, log ? aboveZero(line) : line, strokeOf(role, colour, smooth.length > 0));
  }
  for (const { x, y } of smooth) strokeSmooth(strokes, x, log ? positive(y) : y, colour, 2);
}

const positive = (values: Float64Array): Float64Array =>
  values.map((value) => (value > 0 ? value : Number.NaN));

/** A logarithmic scale cannot show the rest. */
function aboveZero(line: Line): Line {
  if (!line.low.some((value) => value <= 0)) return line;
  const mean = line.mean.map((value) => (value > 0 ? value : Number.NaN));
  const low = line.low.map((value, i) => (value > 0 ? value : (mean[i] ?? Number.NaN)));
  return { ...line, mean, low };
}

function paintYAxis(
  context: CanvasRenderingContext2D,
  box: Box,
  y: Scale,
  ticks: readonly Tick[],
  ink: PictureInk,
): void {
  context.fillStyle = ink.text;
  context.strokeStyle = ink.grid;
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.beginPath();
  for (const { at, label } of ticks) {
    const pixel = Math.round(y.toPixel(at)) + 0.5;
    context.moveTo(box.left, pixel);
    context.lineTo(box.left + box.width, pixel);
    context.fillText(label, box.left - LABEL_GAP + 2, pixel);
  }
  context.stroke();
}

function paintXAxis(context: CanvasRenderingContext2D, box: Box, x: Scale, options: PictureOptions): void {
  const { axis, range, ink, width } = options;
  const make = axis === 'time' ? timeTicks : axis === 'epoch' ? numberTicks : countTicks;
  const widthOf = (label: string) => context.measureText(label).width;
  const ticks = fittingTicks((most) => make(range[0], range[1], most), box.width, widthOf, X_GAP);
  const bottom = box.top + box.height;
  context.strokeStyle = ink.grid;
  context.fillStyle = ink.text;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.beginPath();
  context.moveTo(box.left, bottom + 0.5);
  context.lineTo(box.left + box.width, bottom + 0.5);
  for (const { at, label } of ticks) {
    const pixel = Math.round(x.toPixel(at)) + 0.5;
    context.moveTo(pixel, bottom);
    context.lineTo(pixel, bottom + 4);
    // Whole: no label is cut at an end.
    const half = widthOf(label) / 2;
    context.fillText(label, Math.min(width - half - 1, Math.max(half, pixel)), bottom + 8);
  }
  context.stroke();
}
