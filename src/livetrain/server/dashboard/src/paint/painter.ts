/** From decoded frames to painted ones: newest wins, one paint an animation frame, counted and timed. */
import { FpsMeter } from '../lib/fps-meter';
import { FrameSlot } from '../lib/frame-slot';
import { plausibleLatency } from '../lib/latency-ring';
import { freePictures, type DecodedFrame } from './frame';
import type { Mosaic, Order } from './mosaic';
import type { Palette } from './palette';
import type { CloseUp, Paint, PaintReport } from './report';

/** A page hears of what was painted this often: enough for words, and all that it needs. */
const REPORT_MS = 250;
/**
 * Two that come within one animation frame are both painted, one after the other: of a training that logs as fast as the
 * screen goes every sixth would be lost otherwise, at the price of one animation frame's delay.
 */
const WAITING = 2;
/** A page that does not listen for long is told of the newest. */
const UNREPORTED = 200;

export class Painter {
  private readonly slot: FrameSlot<DecodedFrame>;
  private readonly fps = new FpsMeter();
  private readonly arrivals = new WeakMap<DecodedFrame, number>();
  private replacedNumbers: number[] = [];
  private mosaic: Mosaic | null = null;
  private requested = 0;
  private held = false;
  private visible = true;
  /** Frames that came before this do not tell the latency: the page was hidden or held while they waited. */
  private timedFrom = 0;
  private newest = -1;
  private painted = 0;
  private paints: Paint[] = [];
  private order: Order = 'drawn';
  private stretched = false;
  private closeUp: { position: number; side: number } | null = null;
  private readonly reportTimer = self.setInterval(() => this.report(), REPORT_MS);

  /**
   * @param done told of each frame that was painted or is not going to be.
   * @param emit takes what the page is told.
   */
  constructor(
    private readonly done: (number: number) => void,
    private readonly emit: (report: PaintReport) => void,
  ) {
    this.slot = new FrameSlot((frame) => {
      freePictures(frame);
      // Its credit goes back with the next paint, so that a hidden page, which paints nothing, asks for nothing.
      this.replacedNumbers.push(frame.view.number);
    }, WAITING);
  }

  put(frame: DecodedFrame): void {
    this.arrivals.set(frame, performance.now());
    this.slot.put(frame);
    this.request();
  }

  /** @param mosaic null: the canvas is gone. */
  attach(mosaic: Mosaic | null): void {
    this.mosaic?.free();
    this.mosaic = mosaic;
    mosaic?.setOrder(this.order);
    mosaic?.setContrast(this.stretched);
    this.request();
  }

  resize(width: number, scale: number): void {
    this.mosaic?.resize(width, scale);
  }

  recolour(palette: Palette): void {
    this.mosaic?.recolour(palette);
  }

  setOrder(order: Order): void {
    this.order = order;
    this.mosaic?.setOrder(order);
    this.report();
  }

  /** Whether pictures that use few of their levels are stretched. */
  setContrast(stretched: boolean): void {
    this.stretched = stretched;
    this.mosaic?.setContrast(stretched);
    this.report();
  }

  /** Which tile is looked at closely; its picture is in each report. */
  look(closeUp: CloseUp | null): void {
    this.closeUp = closeUp;
    this.report();
  }

  hold(held: boolean): void {
    this.held = held;
    this.timedFrom = performance.now();
    this.request();
  }

  /** A page that nobody can see is not painted; a worker's animation frames do not stop by themselves. */
  show(visible: boolean): void {
    this.visible = visible;
    this.timedFrom = performance.now();
    this.request();
  }

  /** The store is another: frame numbers start again. */
  restart(): void {
    this.newest = -1;
  }

  stop(): void {
    self.clearInterval(this.reportTimer);
    self.cancelAnimationFrame(this.requested);
    this.slot.clear();
    this.attach(null);
  }

  private request(): void {
    if (this.requested === 0) this.requested = self.requestAnimationFrame(this.tick);
  }

  private readonly tick = () => {
    this.requested = 0;
    const { mosaic } = this;
    if (mosaic === null || this.held || !this.visible) return;
    const frame = this.slot.take();
    if (frame === null) return;
    if (!this.slot.empty) this.request();
    for (const number of this.replacedNumbers.splice(0)) this.done(number);
    if (frame.view.number < this.newest) {
      freePictures(frame);
      return this.done(frame.view.number);
    }
    this.newest = frame.view.number;
    mosaic.paint(frame);
    this.painted++;
    const now = performance.now();
    this.fps.add(now);
    const timed = !frame.kept && (this.arrivals.get(frame) ?? 0) >= this.timedFrom;
    this.paints.push({
      atMs: performance.timeOrigin + now,
      latencyMs: timed ? plausibleLatency(frame.view.loggedUs, Date.now()) : null,
    });
    if (this.paints.length > UNREPORTED) this.paints.shift();
    this.done(frame.view.number);
  };

  private report(): void {
    const { mosaic, closeUp } = this;
    this.emit({
      frame: mosaic?.view ?? null,
      positions: mosaic?.positions ?? [],
      painted: this.painted,
      replaced: this.slot.replaced,
      fps: this.fps.rate(performance.now()),
      paints: this.paints.splice(0),
      closeUp: closeUp && mosaic ? mosaic.closeUp(closeUp.position, closeUp.side) : null,
    });
  }
}
