/**
 * Which mark says its text: one at a time. It stays the one however far the growing plot carries it from under the pointer, until
 * the pointer itself moves away, the focus leaves it, or Escape is pressed.
 */
import { isNear } from '../lib/near';

/** Pixels; as far as from a flag to its text and a little more. */
const REACH = 16;

export class OpenMark {
  private mark: string | null = null;
  private by: 'pointer' | 'focus' = 'pointer';
  private at = '';

  /**
   * @param parts what belongs to the mark that is open: its flag and its text.
   * @param changed told when another mark is open, or none.
   */
  constructor(
    private readonly parts: () => readonly Element[],
    private readonly changed: () => void,
  ) {}

  get id(): string | null {
    return this.mark;
  }

  /** Opens from `flag`; `id` is asked when it happens: flags come to stand for other marks. */
  listen(flag: HTMLElement, id: () => string): void {
    // Not when it is entered: a plot that grows carries flags under a pointer that rests.
    for (const type of ['pointermove', 'click'] as const) {
      flag.addEventListener(type, ({ clientX, clientY }) => {
        this.at = `${clientX},${clientY}`;
        this.open(id(), 'pointer');
      });
    }
    flag.addEventListener('focus', () => {
      if (flag.matches(':focus-visible')) this.open(id(), 'focus');
    });
    flag.addEventListener('blur', () => {
      if (this.by === 'focus' && flag.isConnected) this.close();
    });
    flag.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
  }

  close(): void {
    document.removeEventListener('pointermove', this.moved, true);
    document.removeEventListener('pointerdown', this.moved, true);
    if (this.mark === null) return;
    this.mark = null;
    this.changed();
  }

  private open(id: string, by: 'pointer' | 'focus'): void {
    if (this.mark === id && this.by === by) return;
    this.by = by;
    this.mark = id;
    document.addEventListener('pointermove', this.moved, true);
    document.addEventListener('pointerdown', this.moved, true);
    this.changed();
  }

  private readonly moved = ({ clientX: x, clientY: y, type }: PointerEvent) => {
    // A browser also tells of a move when only the page has moved.
    const resting = type === 'pointermove' && this.at === `${x},${y}`;
    this.at = `${x},${y}`;
    if (resting || (this.by === 'focus' && type === 'pointermove')) return;
    const near = this.parts().some((part) => isNear(x, y, part.getBoundingClientRect(), REACH));
    if (!near) this.close();
  };
}
