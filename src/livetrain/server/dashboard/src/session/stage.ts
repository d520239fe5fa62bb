/** The page's end of the picture that the worker paints: hands the canvas over and knows what stands on it. */
import { layOut, type Geometry } from '../lib/mosaic-geometry';
import type { Tile } from '../lib/tile';
import type { ToWorker } from '../live/messages';
import type { FrameView } from '../paint/frame';
import type { Order } from '../paint/mosaic';
import { readPalette } from '../paint/palette';
import type { CloseUp, PaintReport } from '../paint/report';

export class Stage {
  private canvas: HTMLCanvasElement | null = null;
  private positions: readonly number[] = [];
  private readonly watchers = new Set<() => void>();
  /** What was painted last, as of the last report. */
  frame: FrameView | null = null;
  /** The tile that is looked at closely. */
  private closeUp: ImageBitmap | null = null;

  constructor(private readonly post: (message: ToWorker, transfer?: Transferable[]) => void) {}

  /** The canvas can be handed over once: whoever made it takes it out of the page when it is done. */
  attach(canvas: HTMLCanvasElement): void {
    this.canvas = canvas;
    const offscreen = canvas.transferControlToOffscreen();
    this.post({ type: 'stage', canvas: offscreen, palette: readPalette(canvas) }, [offscreen]);
  }

  detach(): void {
    this.canvas = null;
    this.post({ type: 'unstage' });
  }

  /** @param width CSS pixels; the height follows from it. */
  resize(width: number, scale: number): Geometry {
    const geometry = layOut(width);
    if (this.canvas !== null) this.canvas.style.height = `${geometry.height}px`;
    this.post({ type: 'resize', width, scale });
    return geometry;
  }

  recolour(): void {
    if (this.canvas !== null) this.post({ type: 'palette', palette: readPalette(this.canvas) });
  }

  setOrder(order: Order): void {
    this.post({ type: 'order', order });
  }

  setContrast(stretched: boolean): void {
    this.post({ type: 'contrast', stretched });
  }

  look(closeUp: CloseUp | null): void {
    this.closeUp?.close();
    this.closeUp = null;
    this.post({ type: 'look', closeUp });
  }

  tileAt(position: number): Tile | null {
    return this.frame?.tiles[this.positions[position] ?? -1] ?? null;
  }

  /** Draws the tile that is looked at; as it was, until the worker has sent it. */
  drawCloseUp(target: HTMLCanvasElement): void {
    if (this.closeUp === null) return;
    const context = target.getContext('2d');
    context?.clearRect(0, 0, target.width, target.height);
    context?.drawImage(this.closeUp, 0, 0);
  }

  /** Called a few times a second, when something else stands there than before. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  take({ frame, positions, closeUp }: PaintReport): void {
    const same = frame?.number === this.frame?.number && positions.join() === this.positions.join();
    this.frame = frame;
    this.positions = positions;
    if (closeUp !== null) {
      this.closeUp?.close();
      this.closeUp = closeUp;
    }
    if (!same || closeUp !== null) for (const watcher of this.watchers) watcher();
  }
}
