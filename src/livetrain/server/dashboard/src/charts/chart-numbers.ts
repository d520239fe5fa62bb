/** A chart's numbers, which go on whether it is in view or not: newest values, warnings, and what is read at the pointer. */
import { chartWords, warningWords } from '../lib/curves/chart-words';
import type { Reading } from '../lib/curves/reading';
import type { TipBook } from '../lib/curves/tip';
import { formatMetric } from '../lib/format';

interface Series {
  name: string;
  label: string;
}

export class ChartNumbers {
  private readonly numbers: HTMLElement[];
  private readonly warning: HTMLElement | null;
  private reading = false;
  private said = '';

  /**
   * @param chart what says itself to tests and to those who do not see it.
   * @param head what shows the numbers.
   */
  constructor(
    private readonly chart: HTMLElement,
    head: HTMLElement,
    private readonly title: string,
    private readonly series: readonly Series[],
    private readonly tips: TipBook,
  ) {
    this.numbers = [...head.querySelectorAll<HTMLElement>('[data-number]')];
    this.warning = head.querySelector<HTMLElement>('[data-warning]');
  }

  /** Show the newest values, where they have changed. */
  update(): void {
    const named = this.series.map(({ name, label }) => ({ label, tip: this.tips.counting(name) }));
    const words = chartWords(this.title, named);
    const warning = warningWords(named);
    const points = Math.round(named[0]?.tip?.points ?? 0);
    const said = `${points} ${words} ${warning}`;
    if (said === this.said) return;
    this.said = said;
    this.chart.dataset.points = String(points);
    this.chart.setAttribute('aria-label', words);
    if (this.warning !== null) {
      this.warning.hidden = warning === '';
      const text = this.warning.lastElementChild;
      if (text) text.textContent = warning;
    }
    if (!this.reading) this.showNewest();
  }

  /** Show what curves say at the pointer; null: the newest again. */
  read(readings: readonly (Reading | null)[] | null): void {
    if (readings === null) {
      if (!this.reading) return;
      this.reading = false;
      return this.showNewest();
    }
    this.reading = true;
    this.numbers.forEach((_, i) => {
      const reading = readings[i];
      // What is drawn strongly is what is read.
      const value = reading?.smoothed ?? reading?.value;
      this.show(
        i,
        value === undefined ? '' : formatMetric(value),
        reading !== null && reading !== undefined && Number.isNaN(reading.value),
      );
    });
  }

  private showNewest(): void {
    this.series.forEach(({ name }, i) => {
      const value = this.tips.counting(name)?.value;
      this.show(i, formatMetric(value), value !== undefined && !Number.isFinite(value));
    });
  }

  private show(i: number, text: string, bad: boolean): void {
    const element = this.numbers[i];
    if (element === undefined) return;
    if (element.textContent !== text) element.textContent = text;
    element.toggleAttribute('data-bad', bad);
  }
}
