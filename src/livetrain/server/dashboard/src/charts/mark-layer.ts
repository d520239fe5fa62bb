/** Marks over a plot, as elements: they can be hovered and focused, and take their colours from the style sheet. */
import type { Flag } from '../lib/marks';
import styles from './mark-layer.module.css';

interface Shown {
  element: HTMLElement;
  flag: HTMLButtonElement;
  tip: HTMLElement;
  said: string;
}

export class MarkLayer {
  private readonly shown = new Map<string, Shown>();

  /**
   * @param host what the plot is drawn in, without its axes.
   * @param reachable by the tab key; where several charts show the same marks, one of them is enough.
   */
  constructor(
    private readonly host: HTMLElement,
    private readonly reachable: boolean,
  ) {}

  /** Elements that stay are kept: what has the focus or the pointer would lose it. */
  show(flags: readonly Flag[]): void {
    const gone = new Set(this.shown.keys());
    for (const flag of flags) {
      gone.delete(flag.key);
      const shown = this.shown.get(flag.key) ?? this.make(flag.key);
      shown.element.style.transform = `translateX(${Math.round(flag.x)}px)`;
      shown.element.dataset.side = flag.side;
      shown.tip.dataset.side = flag.x > this.host.clientWidth / 2 ? 'left' : 'right';
      const said = flag.texts.join('\n');
      if (said === shown.said) continue;
      shown.said = said;
      shown.flag.textContent = flag.sign;
      shown.flag.setAttribute('aria-label', flag.texts.join('. '));
      shown.tip.textContent = said;
    }
    for (const key of gone) {
      this.shown.get(key)?.element.remove();
      this.shown.delete(key);
    }
  }

  private make(key: string): Shown {
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
    this.host.append(element);
    const shown = { element, flag, tip, said: '' };
    this.shown.set(key, shown);
    return shown;
  }
}
