/** One waiting frame: the one that comes replaces the one that waits. Nothing can pile up. */
export class FrameSlot<T> {
  private waiting: T | null = null;
  /** Frames that came and were never painted. */
  replaced = 0;

  /** @param discard frees what a replaced frame holds. */
  constructor(private readonly discard: (frame: T) => void) {}

  put(frame: T): void {
    if (this.waiting !== null) {
      this.replaced++;
      this.discard(this.waiting);
    }
    this.waiting = frame;
  }

  take(): T | null {
    const frame = this.waiting;
    this.waiting = null;
    return frame;
  }

  clear(): void {
    if (this.waiting !== null) this.discard(this.waiting);
    this.waiting = null;
  }
}
