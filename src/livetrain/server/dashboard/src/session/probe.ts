/** What a benchmark or a test in the browser may read: `window.__livetrain`. */
import type { FrameView } from '../live/messages';
import type { FrameLoop } from './frame-loop';

interface LastFrame {
  number: number;
  step: number;
  epoch: number;
  rank: number;
  loggedUs: number;
  labels: string[];
}

export interface Probe {
  readonly painted: number;
  /** Log to paint, milliseconds, the last 5000, oldest first. */
  readonly latencies: number[];
  lastFrame: LastFrame | null;
}

declare global {
  interface Window {
    __livetrain?: Probe;
  }
}

export function exposeProbe(loop: FrameLoop): (frame: FrameView) => void {
  const probe: Probe = {
    get painted() {
      return loop.painted;
    },
    get latencies() {
      return loop.latencies.latest();
    },
    lastFrame: null,
  };
  window.__livetrain = probe;
  return ({ number, step, epoch, rank, loggedUs, tiles }) => {
    probe.lastFrame = { number, step, epoch, rank, loggedUs, labels: tiles.map((tile) => tile.label) };
  };
}
