/** What a benchmark or a test in the browser may read: `window.__livetrain`. As of the last report, a few times a second. */
import type { FrameView } from '../paint/frame';
import type { Paint, PaintReport } from '../paint/report';

const KEPT = 5000;

interface LastFrame {
  number: number;
  step: number;
  epoch: number;
  rank: number;
  loggedUs: number;
  labels: string[];
}

export interface Probe {
  painted: number;
  /** When each frame was painted and how late, the last 5000, oldest first. */
  readonly paints: Paint[];
  lastFrame: LastFrame | null;
}

declare global {
  interface Window {
    __livetrain?: Probe;
  }
}

function lastFrame({ number, step, epoch, rank, loggedUs, tiles }: FrameView): LastFrame {
  return { number, step, epoch, rank, loggedUs, labels: tiles.map((tile) => tile.label) };
}

export function exposeProbe(): (report: PaintReport) => void {
  const probe: Probe = { painted: 0, paints: [], lastFrame: null };
  window.__livetrain = probe;
  return ({ frame, painted, paints }) => {
    probe.painted = painted;
    probe.paints.push(...paints);
    // Cut in blocks: shifting thousands for every few that come would cost more than they do.
    if (probe.paints.length > KEPT * 1.2) probe.paints.splice(0, probe.paints.length - KEPT);
    if (frame !== null) probe.lastFrame = lastFrame(frame);
  };
}
