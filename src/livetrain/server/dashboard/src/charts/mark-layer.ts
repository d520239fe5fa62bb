/** Marks over a plot, as elements: they can be hovered and focused, and take their colours from the style sheet. */
import type { Flag } from '../lib/marks';
import styles from './mark-layer.module.css';
import { OpenMark } from './open-mark';

interface Shown {
  element: HTMLElement;
  flag: HTMLButtonElement;
  tip: HTMLElement;
  said: string;
  marks: readonly string[];
}

export class MarkLayer {
  private readonly shown = new Map<string, Shown>();
  private host: HTMLElement | null = null;
  private readonly open = new OpenMark(
    () => {
      const shown = this.openOne();
      return shown ? [shown.flag, shown.tip] : [];
    },
    () => this.showOpen(),
  );

  private reachable = false;
  private focused: HTMLElement | null = null;

  /** @param reachable by the tab key. */
  setReachable(reachable: boolean): void {
    this.reachable = reachable;
    for (const { flag } of this.shown.values()) flag.tabIndex = reachable ? 0 : -1;
  }

  /** @param host what the plot is drawn in, without its axes; where a plot is made anew, the flags move to it. */
  mount(host: HTMLElement): void {
    this.unmount();
    this.host = host;
    for (const { element } of this.shown.values()) host.append(element);
    this.focused?.focus();
    this.focused = null;
  }

  /** The plot goes; the flags wait for the next one. */
  unmount(): void {
    this.host = null;
    for (const { flag } of this.shown.values()) if (flag === document.activeElement) this.focused = flag;
    for (const { element } of this.shown.values()) element.remove();
  }

  /** Elements that stay are kept: what has the focus or the pointer would lose it. */
  show(flags: readonly Flag[]): void {
    const { host } = this;
    if (host === null) return;
    const gone = new Set(this.shown.keys());
    for (const { key, x, side, sign, texts, marks } of flags) {
      gone.delete(key);
      const shown = this.shown.get(key) ?? this.make(key, host);
      shown.element.style.transform = `translateX(${Math.round(x)}px)`;
      shown.element.dataset.side = side;
      shown.tip.dataset.side = x > host.clientWidth / 2 ? 'left' : 'right';
      shown.marks = marks;
      const said = texts.join('\n');
      if (said === shown.said) continue;
      shown.said = said;
      shown.flag.textContent = sign;
      shown.flag.setAttribute('aria-label', texts.join('. '));
      shown.tip.textContent = said;
    }
    for (const key of gone) this.remove(key);
    this.showOpen();
  }

  destroy(): void {
    this.open.close();
    for (const { element } of this.shown.values()) element.remove();
    this.shown.clear();
  }

  private remove(key: string): void {
    const shown = this.shown.get(key);
    this.shown.delete(key);
    if (shown === undefined) return;
    const focused = document.activeElement === shown.flag;
    shown.element.remove();
    // Its mark stands with a neighbour's now; whoever was there is taken along.
    if (focused) this.holder(shown.marks[0])?.flag.focus();
  }

  private holder(mark: string | null | undefined): Shown | undefined {
    return [...this.shown.values()].find(({ marks }) => marks.some((id) => id === mark));
  }

  private openOne(): Shown | undefined {
    return this.holder(this.open.id);
  }

  private showOpen(): void {
    const open = this.openOne();
    for (const shown of this.shown.values()) shown.element.toggleAttribute('data-open', shown === open);
  }

  private make(key: string, host: HTMLElement): Shown {
    const element = document.createElement('div');
    element.className = styles.mark ?? '';
    element.dataset.testid = 'mark';
    const flag = document.createElement('button');
    flag.type = 'button';
    flag.className = styles.flag ?? '';
    flag.tabIndex = this.reachable ? 0 : -1;
    // A press on a flag is no drag across the curve.
    for (const type of ['mousedown', 'dblclick'] as const) {
      flag.addEventListener(type, (event) => event.stopPropagation());
    }
    const tip = document.createElement('div');
    tip.className = styles.tip ?? '';
    // The flag's own name says the same.
    tip.setAttribute('aria-hidden', 'true');
    element.append(flag, tip);
    host.append(element);
    const shown: Shown = { element, flag, tip, said: '', marks: [] };
    this.open.listen(flag, () => shown.marks[0] ?? key);
    this.shown.set(key, shown);
    return shown;
  }
}
