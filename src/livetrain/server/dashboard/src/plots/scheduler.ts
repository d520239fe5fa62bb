/** Draws charts in turn, a few milliseconds a frame, so that neither a screen full of them nor a redraw of all is one long task. */

export interface Drawable {
  /** The pointer is on it: it comes first. */
  readonly hovered: boolean;
  draw(): void;
}

/** What a frame may spend on charts. */
const PURSE_MS = 6;

interface Clock {
  now: () => number;
  request: (frame: () => void) => number;
}

const PAGE: Clock = {
  now: () => performance.now(),
  request: (frame) => requestAnimationFrame(frame),
};

export class Scheduler {
  private readonly waiting = new Set<Drawable>();
  private asked = false;

  constructor(private readonly clock: Clock = PAGE) {}

  /** Draw it when there is time. */
  add(drawable: Drawable): void {
    this.waiting.add(drawable);
    this.ask();
  }

  remove(drawable: Drawable): void {
    this.waiting.delete(drawable);
  }

  private ask(): void {
    if (this.asked || this.waiting.size === 0) return;
    this.asked = true;
    this.clock.request(() => this.frame());
  }

  private frame(): void {
    this.asked = false;
    const end = this.clock.now() + PURSE_MS;
    // In the order in which they came: none waits for ever.
    const order = [...this.waiting].sort((a, b) => Number(b.hovered) - Number(a.hovered));
    for (const drawable of order) {
      this.waiting.delete(drawable);
      drawable.draw();
      if (this.clock.now() >= end) break;
    }
    this.ask();
  }
}

/** The page's own. */
export const scheduler = new Scheduler();
