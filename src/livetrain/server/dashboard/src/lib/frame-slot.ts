/** Room for one waiting frame or a few: when it is full the oldest gives way to the one that comes. Nothing can pile up. */
export class FrameSlot<T> {
  private readonly waiting: T[] = [];
  /** Frames that came and were never taken. */
  replaced = 0;

  /**
   * @param discard frees what a replaced frame holds.
   * @param places how many may wait.
   */
  constructor(
    private readonly discard: (frame: T) => void,
    private readonly places = 1,
  ) {}

  get empty(): boolean {
    return this.waiting.length === 0;
  }

  put(frame: T): void {
    this.waiting.push(frame);
    while (this.waiting.length > this.places) this.replace();
  }

  /** The one that has waited longest, or null. */
  take(): T | null {
    return this.waiting.shift() ?? null;
  }

  clear(): void {
    for (const frame of this.waiting.splice(0)) this.discard(frame);
  }

  private replace(): void {
    const oldest = this.take();
    if (oldest === null) return;
    this.replaced++;
    this.discard(oldest);
  }
}
