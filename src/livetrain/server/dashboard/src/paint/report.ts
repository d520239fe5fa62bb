/** What the page is told of its picture, a few times a second. */
import type { FrameView } from './frame';

export interface Paint {
  /** Unix milliseconds. */
  atMs: number;
  /** Log to paint, milliseconds; null: not known, or it waited for something else. */
  latencyMs: number | null;
}

/** One tile by itself, `side` device pixels wide and high. */
export interface CloseUp {
  position: number;
  side: number;
}

export interface PaintReport {
  /** null: nothing was painted yet. */
  frame: FrameView | null;
  /** Which tile stands at each position. */
  positions: readonly number[];
  /** Frames painted so far, and frames that a newer one replaced before their turn. */
  painted: number;
  replaced: number;
  /** Frames a second. */
  fps: number;
  /** Since the report before, oldest first. */
  paints: readonly Paint[];
  closeUp: ImageBitmap | null;
}
