/** Which step was when: for what stands at a step on an axis of time. */

/** Entries that are kept; when there are twice as many, every second one goes. */
const KEPT = 2048;

export class StepClock {
  private steps: number[] = [];
  private timesUs: number[] = [];
  /** Goes up with every change. */
  version = 0;

  get size(): number {
    return this.steps.length;
  }

  /** In place of all that was known; ascending steps. */
  replace(steps: readonly number[], timesUs: readonly number[]): void {
    this.steps = [...steps];
    this.timesUs = [...timesUs];
    this.version++;
  }

  /** A step again is a later attempt or a later pass: it counts from here on. */
  append(step: number, timeUs: number): void {
    const at = this.place(step);
    this.steps.splice(at, this.steps.length, step);
    this.timesUs.splice(at, this.timesUs.length, timeUs);
    this.version++;
    if (this.steps.length > 2 * KEPT) {
      const last = this.steps.length - 1;
      const keep = (_: number, i: number) => i % 2 === 0 || i === last;
      this.steps = this.steps.filter(keep);
      this.timesUs = this.timesUs.filter(keep);
    }
  }

  /** When a step was, or the next one that is known, or the last; null: nothing is known. */
  timeOf(step: number): number | null {
    const at = Math.min(this.place(step), this.steps.length - 1);
    return this.timesUs[at] ?? null;
  }

  columns(): { steps: Float64Array; timesUs: Float64Array } {
    return { steps: Float64Array.from(this.steps), timesUs: Float64Array.from(this.timesUs) };
  }

  private place(step: number): number {
    let low = 0;
    let high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.steps[middle] ?? 0) < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
