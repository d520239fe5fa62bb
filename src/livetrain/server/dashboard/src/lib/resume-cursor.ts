/** How far this page got in a run's durable events, and which of what comes is new. */
export class ResumeCursor {
  epoch = '';
  offset = 0;
  private toleratedHole = -1;

  /** A snapshot stands for all up to `offset`. Answers whether it is of another store than before. */
  snapshot(epoch: string, offset: number): { reset: boolean; caughtUp: number } {
    const known = this.epoch !== '';
    const reset = known && (epoch !== this.epoch || offset < this.offset);
    const caughtUp = known && !reset ? offset - this.offset : 0;
    this.epoch = epoch;
    this.offset = offset;
    return { reset, caughtUp };
  }

  /** 'new': take it; 'seen': drop it; 'hole': something is missing before it, come again from `offset`. */
  admit(offset: number): 'new' | 'seen' | 'hole' {
    if (offset <= this.offset) return 'seen';
    if (offset > this.offset + 1 && this.toleratedHole !== this.offset) {
      // A hole that is still there after coming again is the server's truth: go on over it, never in circles.
      this.toleratedHole = this.offset;
      return 'hole';
    }
    this.offset = offset;
    return 'new';
  }
}
