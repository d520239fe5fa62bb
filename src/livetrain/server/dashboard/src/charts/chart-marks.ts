/** Commands and gaps over one chart; they outlive its plot, which is made anew for other choices. */
import { titlesOf } from '../lib/controls';
import { formatCount } from '../lib/format';
import { gapMarks, type Gap } from '../lib/gaps';
import { flagsOf, marksOf, type Mark } from '../lib/marks';
import type { Plot } from '../plots/plot';
import type { RunPage, RunStore } from '../store/run-store';
import { GapLayer } from './gap-layer';
import { MarkLayer } from './mark-layer';

/** Pixels that a flag needs for itself. */
const FLAG_GAP = 24;

export class ChartMarks {
  private readonly layer = new MarkLayer();
  private gapLayer: GapLayer | null = null;
  private chart: HTMLElement | null = null;
  private xOf: (step: number) => number | null = () => null;
  private told: RunPage['commands'] | null = null;
  private gaps: readonly Gap[] | null = null;
  private marks: readonly Mark[] = [];

  setReachable(reachable: boolean): void {
    this.layer.setReachable(reachable);
  }

  /**
   * @param over what they lie on.
   * @param chart what says them to those who do not see it.
   * @param xOf where a step stands on the axis; null: it is not known.
   */
  mount(over: HTMLElement, chart: HTMLElement, store: RunStore, xOf: (step: number) => number | null): void {
    this.layer.mount(over);
    this.gapLayer = new GapLayer(over);
    this.chart = chart;
    this.xOf = xOf;
    this.told = null;
    this.update(store.getState(), null);
  }

  unmount(): void {
    this.layer.unmount();
    this.gapLayer = null;
  }

  destroy(): void {
    this.layer.destroy();
  }

  /** Take up what is new. */
  update({ commands, run, gaps }: RunPage, plot: Plot | null): void {
    if (commands === this.told && gaps === this.gaps) return;
    this.told = commands;
    this.gaps = gaps;
    const commanded = marksOf(commands, titlesOf(run?.controls ?? []));
    this.marks = [...commanded, ...gapMarks(gaps)].sort((a, b) => a.step - b.step);
    this.chart?.setAttribute('aria-description', marksWords(this.marks));
    if (plot !== null) this.place(plot);
  }

  /** Where marks and gaps stand on the plot as it is drawn now. */
  place(plot: Plot): void {
    const width = plot.over.clientWidth;
    if (width === 0) return;
    const position = (step: number): number | null => {
      const x = this.xOf(step);
      return x === null ? null : plot.position(x);
    };
    this.gapLayer?.show(
      (this.gaps ?? []).flatMap(({ from, to }) => {
        const [left, right] = [position(from), position(to)];
        if (left === null || right === null || right < 0 || left > width) return [];
        const start = Math.max(0, left);
        return [{ left: start, width: Math.min(width, right) - start }];
      }),
    );
    const placed = this.marks.flatMap((mark) => {
      const there = position(mark.step);
      if (there === null) return [];
      // A command is applied before the step that it is applied at is drawn: till then it stands at the end.
      const at = plot.followed ? Math.min(there, width) : there;
      return at >= 0 && at <= width ? [{ mark, x: at }] : [];
    });
    this.layer.show(flagsOf(placed, FLAG_GAP, width));
  }
}

/** The last few are enough to listen to; each is a flag of its own that can be reached. */
function marksWords(marks: readonly Mark[]): string {
  if (marks.length === 0) return '';
  const last = marks.slice(-5).map(({ text }) => text);
  return `${formatCount(marks.length)} ${marks.length === 1 ? 'mark' : 'marks'}: ${last.join('. ')}`;
}
