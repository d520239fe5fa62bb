/** One chart's life outside React: a uPlot that follows its curves, its size, the shared zoom and the choices. */
import uPlot from 'uplot';
import type { CurveSet } from '../lib/curve-set';
import { formatMetric } from '../lib/format';
import type { Gap } from '../lib/gaps';
import { flagsOf, type Mark } from '../lib/marks';
import { plotData, xOf, type PlotOptions } from '../lib/plot-data';
import type { Range } from '../lib/zoom';
import { token } from './colours';
import { GapLayer } from './gap-layer';
import { MarkLayer } from './mark-layer';
import { plotOptions, type SeriesLook } from './plot-options';

export interface PlotSeries {
  name: string;
  label: string;
  colourToken: string;
}

interface Handlers {
  onZoom: (range: Range | null) => void;
  /** What the legend says of each series: at the cursor, or the last. */
  onValues: (texts: readonly string[], atCursor: boolean) => void;
}

const SPARSE = 60;
/** Pixels that a flag needs for itself. */
const FLAG_GAP = 24;

export class CurvePlot {
  private plot: uPlot | null = null;
  private drawnTotal = -1;
  private cursor: number | null = null;
  private range: Range | null = null;
  private sparse = '';
  private marks: readonly Mark[] = [];
  private gaps: readonly Gap[] = [];
  private gapLayer: GapLayer | null = null;

  constructor(
    private readonly host: HTMLElement,
    private readonly curves: CurveSet,
    private readonly series: readonly PlotSeries[],
    private readonly options: PlotOptions,
    private readonly handlers: Handlers,
    /** Shows the marks; it is the chart's, and goes from one plot to the next. */
    private readonly layer: MarkLayer,
  ) {}

  /** All of x that there is. */
  whole(): Range {
    const xs = this.plot?.data[0] ?? [];
    return [xs[0] ?? 0, xs[xs.length - 1] ?? 1];
  }

  setRange(range: Range | null): void {
    this.range = range;
    this.applyRange();
  }

  setMarks(marks: readonly Mark[], gaps: readonly Gap[]): void {
    this.marks = marks;
    this.gaps = gaps;
    this.place();
  }

  /** Draws again when there is something new. */
  update(): void {
    const buffers = this.series.flatMap(({ name }) => this.curves.get(name) ?? []);
    const total = buffers.reduce((sum, curve) => sum + curve.total, 0);
    if (total === this.drawnTotal || buffers.length !== this.series.length) return;
    this.drawnTotal = total;
    const { xs, columns } = plotData(buffers, this.options);
    const sparse = buffers.map((curve) => curve.size <= SPARSE);
    if (this.plot === null || sparse.join() !== this.sparse) this.build(sparse);
    const { plot } = this;
    if (plot === null) return;
    columns.forEach((_, i) => {
      // Beside its smoothed self the raw curve steps back.
      const smoothed = i % 2 === 0 && (columns[i + 1]?.some((value) => value !== null) ?? false);
      const look = plot.series[i + 1];
      if (look && i % 2 === 0) look.alpha = smoothed ? 0.3 : 1;
    });
    plot.batch(() => {
      plot.setData([xs, ...columns] as uPlot.AlignedData, false);
      this.applyRange();
    });
    this.tell();
  }

  resize(width: number, height: number): void {
    if (width > 0) this.plot?.setSize({ width, height });
  }

  destroy(): void {
    this.layer.unmount();
    this.plot?.destroy();
    this.plot = null;
    this.gapLayer = null;
  }

  /** Where marks and gaps stand on the axis as it is now. */
  private place(): void {
    const { plot, layer, gapLayer } = this;
    if (plot === null || gapLayer === null) return;
    // The batches' own curve knows the time of every step, an epoch's mean only that of a few.
    const clock = this.curves.get('loss') ?? this.curves.get(this.series[0]?.name ?? '');
    const timed = this.options.axis === 'time' && this.marks.length > 0;
    const line = timed && clock ? clock.polyline() : { steps: [], times: [] };
    const width = plot.over.clientWidth;
    const position = (step: number): number | null => {
      const x = xOf(step, line, this.options);
      return x === null ? null : plot.valToPos(x, 'x');
    };
    gapLayer.show(
      this.gaps.flatMap(({ from, to }) => {
        const left = position(from);
        const right = position(to);
        if (left === null || right === null || right < 0 || left > width) return [];
        const start = Math.max(0, left);
        return [{ left: start, width: Math.min(width, right) - start }];
      }),
    );
    const placed = this.marks.flatMap((mark) => {
      const there = position(mark.step);
      if (there === null) return [];
      // A command is applied before the step that it is applied at is drawn: till then it stands at the end.
      const at = this.range === null ? Math.min(there, width) : there;
      return at >= 0 && at <= width ? { mark, x: at } : [];
    });
    layer.show(flagsOf(placed, FLAG_GAP, width));
  }

  private build(sparse: readonly boolean[]): void {
    const before = this.plot;
    this.sparse = sparse.join();
    const looks = this.series.map(({ label, colourToken }, i): SeriesLook => ({
      label,
      colour: token(colourToken),
      sparse: sparse[i] ?? false,
    }));
    this.plot = new uPlot(
      plotOptions({
        width: this.host.clientWidth || 320,
        height: this.host.clientHeight || 200,
        axis: this.options.axis,
        log: this.options.log,
        series: looks,
        onZoom: this.handlers.onZoom,
        onReset: () => this.handlers.onZoom(null),
        onCursor: (index) => {
          this.cursor = index;
          this.tell();
        },
        onDrawn: () => this.place(),
      }),
      [[]],
      this.host,
    );
    this.layer.mount(this.plot.over);
    before?.destroy();
    this.gapLayer = new GapLayer(this.plot.over);
  }

  private applyRange(): void {
    const [min, max] = this.range ?? this.whole();
    this.plot?.setScale('x', { min, max: max > min ? max : min + 1 });
  }

  private tell(): void {
    const data = this.plot?.data;
    if (data === undefined) return;
    const { cursor } = this;
    const texts = this.series.map(({ name }, i) => {
      if (cursor === null) return formatMetric(this.curves.get(name)?.last?.value);
      const at = data[i * 2 + 2]?.[cursor] ?? data[i * 2 + 1]?.[cursor];
      return at === null || at === undefined ? '' : formatMetric(at);
    });
    this.handlers.onValues(texts, cursor !== null);
  }
}
