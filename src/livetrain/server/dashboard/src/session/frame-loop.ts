/** From arrived frames to painted ones: newest wins, one paint an animation frame, counted and timed. */
import { FpsMeter } from '../lib/fps-meter';
import { FrameSlot } from '../lib/frame-slot';
import { LatencyRing, plausibleLatency } from '../lib/latency-ring';
import type { FrameView } from '../live/messages';
import { freePictures, type Mosaic } from '../paint/mosaic';

export class FrameLoop {
  readonly fps = new FpsMeter();
  readonly latencies = new LatencyRing();
  painted = 0;
  private readonly slot: FrameSlot<FrameView>;
  private readonly arrivals = new WeakMap<FrameView, number>();
  private replacedNumbers: number[] = [];
  private mosaic: Mosaic | null = null;
  private requested = 0;
  private held = false;
  /** Frames that came before this do not tell the latency: the page was hidden or held while they waited. */
  private timedFrom = 0;
  private newest = -1;

  constructor(
    private readonly done: (number: number) => void,
    private readonly shown: (frame: FrameView) => void,
  ) {
    this.slot = new FrameSlot((frame) => {
      freePictures(frame);
      // Its credit goes back with the next paint, so that a hidden page, which paints nothing, asks for nothing.
      this.replacedNumbers.push(frame.number);
    });
    document.addEventListener('visibilitychange', this.seen);
  }

  get replaced(): number {
    return this.slot.replaced;
  }

  attach(mosaic: Mosaic | null): void {
    this.mosaic = mosaic;
    this.request();
  }

  hold(held: boolean): void {
    this.held = held;
    this.timedFrom = performance.now();
    this.request();
  }

  put(frame: FrameView): void {
    this.arrivals.set(frame, performance.now());
    this.slot.put(frame);
    this.request();
  }

  /** The store is another: frame numbers start again. */
  restart(): void {
    this.newest = -1;
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.seen);
    cancelAnimationFrame(this.requested);
    this.slot.clear();
  }

  private readonly seen = () => {
    this.timedFrom = performance.now();
  };

  private request(): void {
    if (this.requested === 0) this.requested = requestAnimationFrame(this.tick);
  }

  private readonly tick = () => {
    this.requested = 0;
    if (this.mosaic === null || this.held) return;
    const frame = this.slot.take();
    if (frame === null) return;
    for (const number of this.replacedNumbers.splice(0)) this.done(number);
    if (frame.number < this.newest) {
      freePictures(frame);
      return this.done(frame.number);
    }
    this.newest = frame.number;
    this.mosaic.paint(frame);
    this.painted++;
    this.fps.add(performance.now());
    const latency = plausibleLatency(frame.loggedUs, Date.now());
    const timed = (this.arrivals.get(frame) ?? 0) >= this.timedFrom;
    if (latency !== null && timed) this.latencies.add(latency);
    this.done(frame.number);
    this.shown(frame);
  };
}
