/** The last latencies in milliseconds, oldest first. */
export class LatencyRing {
  private readonly values: number[] = [];

  constructor(private readonly capacity = 1000) {}

  add(ms: number): void {
    this.values.push(ms);
    // Cut in blocks: shifting thousands of numbers for each frame would cost more than the frame's labels.
    if (this.values.length > this.capacity * 1.2) this.values.splice(0, this.values.length - this.capacity);
  }

  /** The share `q` (0 to 1) of the last `count` latencies; null when there are none. */
  quantile(q: number, count = 300): number | null {
    const recent = this.values.slice(-count).sort((a, b) => a - b);
    return recent[Math.min(recent.length - 1, Math.floor(q * recent.length))] ?? null;
  }
}

/** Log to paint in milliseconds, or null when the trainer's clock and ours plainly differ or none was given. */
export function plausibleLatency(loggedUs: number, nowMs: number): number | null {
  if (loggedUs <= 0) return null;
  const ms = nowMs - loggedUs / 1000;
  if (ms < -20 || ms > 60_000) return null;
  return Math.max(0, ms);
}
