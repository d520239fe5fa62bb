/** Draws lines with their spread: breaks where nothing was finite, dots where a point stands alone, marks where it was not finite. */
import type { Line } from '../lib/curves/line';
import { placeFrom } from '../lib/curves/search';
import type { Scale } from './scale';

/** Where lines are drawn: pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Strokes {
  context: CanvasRenderingContext2D;
  box: Box;
  x: Scale;
  y: Scale;
}

export interface Stroke {
  colour: string;
  width: number;
  /** 0 to 1. */
  alpha: number;
  /** Of the spread; 0: it is not drawn. */
  bandAlpha: number;
}

/** Pixels a point has to itself where each is worth a dot. */
const ROOM_OF_A_DOT = 12;
const DOT = 2.25;
const MARK_HEIGHT = 5;

/** The places of a line in view, and one on either side: the line goes on beyond the view. */
function inView({ x }: Line, { box, x: scale }: Strokes): [number, number] {
  const from = placeFrom(x, scale.toValue(box.left));
  const to = placeFrom(x, scale.toValue(box.left + box.width));
  // A break stands at the x of its neighbour: two on either side.
  return [Math.max(0, from - 2), Math.min(x.length, to + 2)];
}

export function strokeLine(strokes: Strokes, line: Line, stroke: Stroke): void {
  const { context } = strokes;
  const [from, to] = inView(line, strokes);
  context.save();
  context.strokeStyle = stroke.colour;
  context.fillStyle = stroke.colour;
  context.lineWidth = stroke.width;
  context.lineJoin = 'round';
  if (stroke.bandAlpha > 0) {
    context.globalAlpha = stroke.bandAlpha;
    fillBands(strokes, line, from, to);
  }
  context.globalAlpha = stroke.alpha;
  const points = strokePieces(strokes, line.x, line.mean, from, to);
  const dots = points.seen * ROOM_OF_A_DOT <= strokes.box.width ? points.all : points.alone;
  for (const i of dots) dot(strokes, line.x[i] ?? 0, line.mean[i] ?? 0, stroke.width);
  context.restore();
}

/** A line without spread and without dots. */
export function strokeSmooth(
  strokes: Strokes,
  x: Float64Array,
  y: Float64Array,
  colour: string,
  width: number,
): void {
  const { context, box } = strokes;
  const from = Math.max(0, placeFrom(x, strokes.x.toValue(box.left)) - 1);
  const to = Math.min(x.length, placeFrom(x, strokes.x.toValue(box.left + box.width)) + 1);
  context.save();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = 'round';
  strokePieces(strokes, x, y, from, to);
  context.restore();
}

interface Points {
  seen: number;
  all: number[];
  /** Those that no line leads to. */
  alone: number[];
}

function strokePieces(
  { context, box, x, y }: Strokes,
  xs: Float64Array,
  ys: Float64Array,
  from: number,
  to: number,
): Points {
  const points: Points = { seen: 0, all: [], alone: [] };
  const worth = box.width / ROOM_OF_A_DOT;
  let length = 0;
  context.beginPath();
  const end = (last: number) => {
    if (length === 1) points.alone.push(last);
    length = 0;
  };
  for (let i = from; i < to; i++) {
    const value = ys[i] ?? Number.NaN;
    if (Number.isNaN(value)) {
      end(i - 1);
      continue;
    }
    const [px, py] = [x.toPixel(xs[i] ?? 0), y.toPixel(value)];
    if (length++ === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
    if (px < box.left - 1 || px > box.left + box.width + 1) continue;
    if (points.seen++ <= worth) points.all.push(i);
  }
  end(to - 1);
  context.stroke();
  return points;
}

function dot({ context, x, y }: Strokes, at: number, value: number, width: number): void {
  context.beginPath();
  context.arc(x.toPixel(at), y.toPixel(value), DOT + width / 4, 0, 2 * Math.PI);
  context.fill();
}

/** Between low and high, piece by piece: never across a break. */
function fillBands({ context, x, y }: Strokes, line: Line, from: number, to: number): void {
  let begin = from;
  const fill = (end: number) => {
    let wide = false;
    for (let i = begin; i < end; i++) wide ||= (line.high[i] ?? 0) > (line.low[i] ?? 0);
    if (!wide) return;
    context.beginPath();
    if (end - begin === 1) {
      // One stretch alone has no width: its spread is an upright line.
      const px = x.toPixel(line.x[begin] ?? 0);
      context.rect(
        px - 0.5,
        y.toPixel(line.high[begin] ?? 0),
        1,
        y.toPixel(line.low[begin] ?? 0) - y.toPixel(line.high[begin] ?? 0),
      );
    } else {
      for (let i = begin; i < end; i++)
        context.lineTo(x.toPixel(line.x[i] ?? 0), y.toPixel(line.high[i] ?? 0));
      for (let i = end - 1; i >= begin; i--)
        context.lineTo(x.toPixel(line.x[i] ?? 0), y.toPixel(line.low[i] ?? 0));
      context.closePath();
    }
    context.fill();
  };
  for (let i = from; i <= to; i++) {
    if (i < to && !Number.isNaN(line.mean[i] ?? 0)) continue;
    if (i > begin) fill(i);
    begin = i + 1;
  }
}

/** Where no value was finite: a mark at the bottom, and a veil above it. */
export function markHoles({ context, box, x }: Strokes, { holes }: Line, colour: string): void {
  context.save();
  context.fillStyle = colour;
  const [left, right] = [box.left, box.left + box.width];
  for (let i = 0; i < holes.length; i += 2) {
    const from = Math.max(left, x.toPixel(holes[i] ?? 0) - 1.5);
    const to = Math.min(right, x.toPixel(holes[i + 1] ?? 0) + 1.5);
    if (to <= from) continue;
    context.globalAlpha = 0.12;
    context.fillRect(from, box.top, to - from, box.height);
    context.globalAlpha = 1;
    context.fillRect(from, box.top + box.height - MARK_HEIGHT, to - from, MARK_HEIGHT);
  }
  context.restore();
}
