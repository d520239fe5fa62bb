/** What a run's page holds and would draw, made of the page's own parts; only what paints and what React puts together is missing. */
import { CurveDesk } from '../src/curve-feed/curve-desk';
import type { ChartData, FromCurves } from '../src/curve-feed/messages';
import { isLeftOut, type Gap } from '../src/lib/gaps';
import { isExact, metricGroups } from '../src/lib/metric-groups';
import { TipBook, type Tip } from '../src/lib/curves/tip';
import { Feed } from '../src/live/feed';
import type { FromWorker, RunView } from '../src/live/messages';

/** JSON has no NaN and no minus zero: such numbers are texts. */
type Plain = number | string;

interface PlainLine {
  role: string;
  x: Plain[];
  mean: Plain[];
  low: Plain[];
  high: Plain[];
  count: Plain[];
  holes: Plain[];
}

export interface Held {
  status: string;
  attempts: { attempt: number; fromStep: number }[];
  names: string[];
  metricCount: number;
  tips: (Omit<Tip, 'value' | 'lastFinite'> & { value: Plain; lastFinite: Plain | null })[];
  curves: { name: string; width: number; lines: PlainLine[]; smooth: { x: Plain[]; y: Plain[] }[] }[];
  gaps: Gap[];
  dropped: Record<string, number>;
}

export class Page {
  private readonly tips = new TipBook();
  private readonly feed: Feed;
  private readonly desk: CurveDesk;
  private readonly charts = new Map<string, ChartData>();
  /** The curves of each chart, as it asked for them. */
  private readonly wished = new Map<string, string>();
  private run: RunView | null = null;
  private gaps: readonly Gap[] = [];
  private metricCount = 0;
  private phase = '';

  constructor(address: string, runId: string) {
    this.desk = new CurveDesk(runId, (message) => this.learn(message));
    this.feed = new Feed(
      `${address.replace('http', 'ws')}/api/runs/${encodeURIComponent(runId)}/live`,
      (message) => this.take(message),
      (frame) => this.feed.painted(frame.view.number),
      (message) => this.desk.hear(message),
      '',
    );
  }

  /** The number of the newest event that came. */
  get offset(): number {
    return this.feed.offset;
  }

  /** Do what it does every quarter of a second; answers whether all that there is to see is there. */
  turn(): boolean {
    this.desk.turn();
    return this.phase === 'live' && this.run !== null && this.desk.settled;
  }

  /** All that it holds. */
  read(): Held {
    const drawn = [...this.charts.values()].flatMap(({ curves }) => curves);
    return {
      status: this.run?.status ?? '',
      attempts: [...(this.run?.attempts ?? [])],
      names: this.names(),
      metricCount: this.metricCount,
      tips: this.names().flatMap((name) => {
        const tip = this.tips.get(name);
        if (tip === undefined) return [];
        const lastFinite = tip.lastFinite === null ? null : plain(tip.lastFinite);
        return [{ ...tip, value: plain(tip.value), lastFinite }];
      }),
      curves: drawn.map(({ name, width, lines, smooth }) => ({
        name,
        width,
        lines: lines.map(({ role, line }) => ({
          role,
          x: plains(line.x),
          mean: plains(line.mean),
          low: plains(line.low),
          high: plains(line.high),
          count: plains(line.count),
          holes: plains(line.holes),
        })),
        smooth: smooth.map(({ x, y }) => ({ x: plains(x), y: plains(y) })),
      })),
      gaps: [...this.gaps],
      dropped: Object.fromEntries(this.run?.report?.dropped ?? []),
    };
  }

  close(): void {
    this.feed.stop();
    this.desk.take({ type: 'stop' });
  }

  private names(): string[] {
    return this.tips
      .names()
      .filter((name) => !isLeftOut(name))
      .sort();
  }

  private take(message: FromWorker): void {
    if (message.type === 'link') this.phase = message.link.phase;
    else if (message.type === 'state') this.run = message.run;
  }

  private learn(message: FromCurves): void {
    if (message.type === 'chart') this.charts.set(message.data.chart, message.data);
    else if (message.type === 'gaps') this.gaps = message.gaps;
    else if (message.type === 'tips') {
      this.metricCount = message.metricCount;
      if (this.tips.learn(message.tips, message.fresh)) this.lookAtAll();
    }
  }

  /** Every chart is in view, those too that the page has folded away. */
  private lookAtAll(): void {
    const groups = metricGroups(this.names());
    const keys = new Set(groups.map(({ key }) => key));
    for (const key of this.wished.keys()) if (!keys.has(key)) this.wish(key, null);
    for (const group of groups) {
      this.wish(
        group.key,
        group.names.map((name) => ({ name, exact: isExact(name, group) })),
      );
    }
  }

  private wish(chart: string, curves: { name: string; exact: boolean }[] | null): void {
    const said = JSON.stringify(curves);
    if (this.wished.get(chart) === said) return;
    if (curves === null) {
      this.wished.delete(chart);
      this.charts.delete(chart);
    } else this.wished.set(chart, said);
    this.desk.take({ type: 'chart', chart, curves });
  }
}

const plain = (value: number): Plain =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0.0' : String(value);
const plains = (column: Float64Array): Plain[] => [...column].map(plain);
