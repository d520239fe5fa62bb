/** Events a second over a sliding window; zero as soon as the window has passed without one. */
export class FpsMeter {
  private readonly stamps: number[] = [];

  /** @param windowMs how far back the rate looks, milliseconds. */
  constructor(private readonly windowMs = 2000) {}

  add(nowMs: number): void {
    this.stamps.push(nowMs);
    this.forget(nowMs);
  }

  /** Intervals in the window over the time that they span, so that a start or a stop is not averaged away. */
  rate(nowMs: number): number {
    this.forget(nowMs);
    const first = this.stamps[0];
    const last = this.stamps.at(-1);
    if (first === undefined || last === undefined || this.stamps.length < 2) return 0;
    const spanMs = Math.max(last - first, nowMs - first - this.longestGap());
    return spanMs > 0 ? ((this.stamps.length - 1) * 1000) / spanMs : 0;
  }

  private longestGap(): number {
    let gap = 0;
    for (let i = 1; i < this.stamps.length; i++) {
      gap = Math.max(gap, (this.stamps[i] ?? 0) - (this.stamps[i - 1] ?? 0));
    }
    return gap;
  }

  private forget(nowMs: number): void {
    const from = nowMs - this.windowMs;
    let old = 0;
    while (old < this.stamps.length && (this.stamps[old] ?? 0) < from) old++;
    if (old > 0) this.stamps.splice(0, old);
  }
}
