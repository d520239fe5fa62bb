/** Gaps as shaded stretches over a plot; elements, so that they take their colours from the style sheet. */
import styles from './gap-layer.module.css';

/** Pixels. */
export interface Stretch {
  left: number;
  width: number;
}

export class GapLayer {
  private readonly shown: HTMLElement[] = [];

  /** @param host what the plot is drawn in, without its axes. */
  constructor(private readonly host: HTMLElement) {}

  show(stretches: readonly Stretch[]): void {
    while (this.shown.length > stretches.length) this.shown.pop()?.remove();
    stretches.forEach(({ left, width }, i) => {
      const element = this.shown[i] ?? this.make();
      element.style.transform = `translateX(${Math.round(left)}px)`;
      element.style.width = `${Math.max(2, Math.round(width))}px`;
    });
  }

  private make(): HTMLElement {
    const element = document.createElement('div');
    element.className = styles.gap ?? '';
    element.dataset.testid = 'gap';
    // The flag at its beginning says what it is.
    element.setAttribute('aria-hidden', 'true');
    this.host.prepend(element);
    this.shown.push(element);
    return element;
  }
}
