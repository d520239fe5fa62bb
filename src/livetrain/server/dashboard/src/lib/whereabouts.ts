/** Which step a run is at: the one that was logged last, be it lower than another after a resume. */

/** A step, and when it was logged. */
export interface StepMark {
  step: number;
  /** Microseconds since 1970. */
  timeUs: number;
}

export class Whereabouts {
  private newest: StepMark | null = null;

  get known(): boolean {
    return this.newest !== null;
  }

  get step(): number | null {
    return this.newest?.step ?? null;
  }

  /** What was known is of no use: something was missed. */
  restart(): void {
    this.newest = null;
  }

  /** Pictures and numbers come by different ways, and either may be late. */
  pass(mark: StepMark): void {
    if (this.newest === null || mark.timeUs >= this.newest.timeUs) this.newest = mark;
  }
}
