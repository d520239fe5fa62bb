/**
 * How many frames may be on their way. Three: while one waits for its animation frame the next is decoded and the one after
 * that travels, and no more than that can ever wait. The first message of a viewer grants one by itself.
 */
export class CreditWindow {
  private granted = 1;
  private inHand = 0;

  constructor(private readonly window = 3) {}

  /** A new connection: nothing is on its way but what Hello granted. Frames in hand stay in hand. */
  restart(): void {
    this.granted = 1;
  }

  /** @param free it came unasked, inside a snapshot. */
  received(free: boolean): void {
    if (!free) this.granted = Math.max(0, this.granted - 1);
    this.inHand++;
  }

  /** Painted, replaced or unreadable: no longer in hand. */
  done(): void {
    this.inHand = Math.max(0, this.inHand - 1);
  }

  /** How many to grant now. */
  grant(): number {
    const more = Math.max(0, this.window - this.granted - this.inHand);
    this.granted += more;
    return more;
  }
}
