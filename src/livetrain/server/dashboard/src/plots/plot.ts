/** One chart's life outside React: a canvas that follows its curves, its size and how it is looked at, and the pointer over it. */
import type { ChartData } from '../curve-feed/messages';
import type { Axis } from '../lib/curves/axis';
import type { YRange } from '../lib/curves/range';
import { placeWords, readingAt, type Reading } from '../lib/curves/reading';
import { formatCount } from '../lib/format';
import type { Range } from '../lib/zoom';
import { paintCurves, type PictureCurve, type PictureInk, type Placed } from '../paint/curve-picture';
import { currentCursor, moveCursor, watchCursor, type Cursor } from './cursor';
import styles from './plot.module.css';
import { scheduler, type Drawable } from './scheduler';

/** How a plot is looked at. */
export interface PlotLook {
  axis: Axis;
  log: boolean;
  /** Every value is in view, however far it is. */
  whole: boolean;
  /** null: all of x that there is. */
  range: Range | null;
}

export interface PlotHandlers {
  /** A stretch of x was drawn over; null: all of it again. */
  onZoom: (range: Range | null) => void;
  /** What each curve says at the pointer; null: the pointer is elsewhere. */
  onReadings: (readings: readonly (Reading | null)[] | null) => void;
  /** It was drawn: what lies over it has to follow. */
  onDrawn: (drawn: Drawn) => void;
}

export interface Drawn {
  /** null: there was nothing to draw. */
  range: YRange | null;
  /** Curves have values, but none that a logarithmic scale can show. */
  nothingAboveZero: boolean;
}

export interface PlotStyle {
  /** A curve's colour, by its name. */
  colours: ReadonlyMap<string, string>;
  ink: PictureInk;
}

const MOST_RATIO = 2;
/** Pixels that a pointer is dragged before it is a zoom. */
const DRAG = 4;

export class Plot implements Drawable {
  /** What marks and gaps lie on: the plot without its axes. */
  readonly over: HTMLElement;
  hovered = false;
  /** It is in view: only then does it follow the pointer. */
  inView = false;
  private readonly canvas: HTMLCanvasElement;
  private readonly hair: HTMLElement;
  private readonly readout: HTMLElement;
  private readonly selection: HTMLElement;
  private data: ChartData | null = null;
  private placed: Placed | null = null;
  private dragFrom: number | null = null;
  private overPlace = '';
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly host: HTMLElement,
    private look: PlotLook,
    private style: PlotStyle,
    private readonly handlers: PlotHandlers,
  ) {
    const make = <K extends keyof HTMLElementTagNameMap>(tag: K, name: string | undefined) => {
      const element = document.createElement(tag);
      element.className = name ?? '';
      return element;
    };
    this.canvas = make('canvas', styles.canvas);
    this.over = make('div', styles.over);
    this.over.dataset.testid = 'plot';
    this.selection = make('div', styles.selection);
    this.hair = make('div', styles.hair);
    this.readout = make('div', styles.readout);
    this.readout.setAttribute('aria-hidden', 'true');
    this.over.append(this.selection, this.hair, this.readout);
    host.append(this.canvas, this.over);
    this.canvas.setAttribute('aria-hidden', 'true');
    this.stops.push(watchCursor((cursor) => this.follow(cursor)));
    this.listen();
  }

  /** Whether all is in view, and what comes. */
  get followed(): boolean {
    return this.look.range === null;
  }

  /** All of x that there is. */
  whole(): Range {
    let [from, to] = [Infinity, -Infinity];
    for (const { ends } of this.data?.curves ?? []) {
      from = Math.min(from, ends[0]);
      to = Math.max(to, ends[1]);
    }
    return to >= from ? [from, to] : [0, 1];
  }

  setData(data: ChartData): void {
    this.data = data;
    scheduler.add(this);
  }

  setLook(look: PlotLook): void {
    this.look = look;
    scheduler.add(this);
  }

  setStyle(style: PlotStyle): void {
    this.style = style;
    scheduler.add(this);
  }

  /** The room that it has may be another. */
  resize(): void {
    scheduler.add(this);
  }

  /** Pixels from the left of `over`; null: nothing was drawn yet. */
  position(x: number): number | null {
    return this.placed === null ? null : this.placed.x.toPixel(x) - this.placed.box.left;
  }

  draw(): void {
    const { data, look } = this;
    const { clientWidth: width, clientHeight: height } = this.host;
    if (data?.axis !== look.axis || width < 40 || height < 40) return;
    const ratio = Math.min(MOST_RATIO, window.devicePixelRatio || 1);
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== deviceWidth || this.canvas.height !== deviceHeight) {
      this.canvas.width = deviceWidth;
      this.canvas.height = deviceHeight;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext('2d');
    if (context === null) return;
    const curves = data.curves.map(({ name, lines, smooth }): PictureCurve => ({
      colour: this.style.colours.get(name) ?? this.style.ink.text,
      lines,
      smooth,
    }));
    const whole = this.whole();
    const [from, to] = look.range ?? whole;
    // One point alone stands in the middle.
    const range: Range = to > from ? [from, to] : [from - 1, from + 1];
    const { ink } = this.style;
    this.placed = paintCurves(context, curves, { ...look, width, height, ratio, range, ink });
    this.layOver();
    const drawn = this.placed.range;
    this.handlers.onDrawn({
      range: drawn,
      nothingAboveZero: look.log && drawn === null && this.hasValues(range),
    });
    this.follow(currentCursor());
  }

  /** Give the memory of the picture back; the next drawing takes it again. */
  release(): void {
    scheduler.remove(this);
    this.canvas.width = 0;
    this.canvas.height = 0;
  }

  destroy(): void {
    this.release();
    for (const stop of this.stops) stop();
    if (this.hovered) moveCursor(null);
    this.canvas.remove();
    this.over.remove();
  }

  private hasValues([from, to]: Range): boolean {
    const lines = this.data?.curves.flatMap((curve) => curve.lines.map(({ line }) => line)) ?? [];
    return lines.some(({ x, mean }) =>
      mean.some((y, i) => !Number.isNaN(y) && (x[i] ?? 0) >= from && (x[i] ?? 0) <= to),
    );
  }

  private layOver(): void {
    const box = this.placed?.box;
    if (box === undefined) return;
    const place = `${box.left} ${box.top} ${box.width} ${box.height}`;
    // What is written is laid out anew, and the next chart that measures itself would wait for it.
    if (place === this.overPlace) return;
    this.overPlace = place;
    Object.assign(this.over.style, {
      left: `${box.left}px`,
      top: `${box.top}px`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
  }

  // ---------------------------------------------------------------- the pointer

  private listen(): void {
    const { over } = this;
    over.addEventListener('pointermove', (event) => this.move(event));
    over.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || event.pointerType === 'touch') return;
      this.dragFrom = event.offsetX;
      over.setPointerCapture(event.pointerId);
    });
    over.addEventListener('pointerup', (event) => this.drop(event));
    over.addEventListener('pointercancel', () => this.cancel());
    over.addEventListener('pointerleave', () => {
      this.hovered = false;
      moveCursor(null);
    });
    over.addEventListener('dblclick', () => this.handlers.onZoom(null));
  }

  private move(event: PointerEvent): void {
    if (this.placed === null) return;
    // Over a mark that lies on the plot the offset would be the mark's.
    const pixel = event.clientX - this.over.getBoundingClientRect().left;
    this.hovered = true;
    moveCursor({ x: this.placed.x.toValue(pixel + this.placed.box.left), owner: this });
    if (this.dragFrom === null) return;
    const [left, right] = this.dragged(pixel);
    this.selection.style.transform = `translateX(${left}px)`;
    this.selection.style.width = `${right - left}px`;
  }

  private dragged(pixel: number): [number, number] {
    const width = this.placed?.box.width ?? 0;
    const [from, to] = [this.dragFrom ?? 0, Math.min(width, Math.max(0, pixel))];
    return from < to ? [from, to] : [to, from];
  }

  private drop(event: PointerEvent): void {
    const [left, right] = this.dragged(event.clientX - this.over.getBoundingClientRect().left);
    const { placed } = this;
    const zooms = this.dragFrom !== null && placed !== null && right - left >= DRAG;
    this.cancel();
    if (!zooms) return;
    const { box, x } = placed;
    this.handlers.onZoom([x.toValue(left + box.left), x.toValue(right + box.left)]);
  }

  private cancel(): void {
    this.dragFrom = null;
    this.selection.style.width = '0';
  }

  private follow(cursor: Cursor | null): void {
    if (!this.inView && cursor !== null) return;
    const pixel = cursor === null ? null : this.position(cursor.x);
    const width = this.placed?.box.width ?? 0;
    const inside =
      cursor !== null && pixel !== null && pixel >= -1 && pixel <= width + 1 && this.canvas.width > 0;
    this.over.toggleAttribute('data-cursor', inside);
    if (!inside) {
      this.handlers.onReadings(null);
      return;
    }
    this.hair.style.transform = `translateX(${Math.round(pixel)}px)`;
    const readings = (this.data?.curves ?? []).map((curve) => readingAt(curve, cursor.x));
    this.handlers.onReadings(readings);
    if (cursor.owner !== this) return;
    const nearest = readings.find((reading) => reading !== null);
    const merged = (nearest?.count ?? 0) > 1 ? ` · ${formatCount(nearest?.count ?? 0)} points` : '';
    this.readout.textContent = `${placeWords(this.look.axis, nearest?.x ?? cursor.x)}${merged}`;
    this.readout.dataset.side = pixel > width / 2 ? 'left' : 'right';
    this.readout.style.transform = `translateX(${Math.round(pixel)}px)`;
  }
}
