/** All curves of one run as far as they are looked at: what is known, what is asked for, and what each chart draws. */
import type { CurveQuestion } from '../api/metrics';
import { segmentsOf, type AttemptView, type Segment } from '../lib/attempts';
import { offsetOf, readFirstSteps, readPoints, readTiles, readTimes, readWhole } from '../lib/curves/answer';
import type { MetricsAnswer } from '../lib/curves/answer';
import { placeOfX, placingOf, xOfPlace } from '../lib/curves/axis';
import type { Placing } from '../lib/curves/grid';
import { KnownCurve } from '../lib/curves/known-curve';
import { joinParts, type Part } from '../lib/curves/parts';
import { StepClock } from '../lib/curves/step-clock';
import { TipBook, type Tip } from '../lib/curves/tip';
import { viewOf, type ViewOptions } from '../lib/curves/view';
import { gapsOf, LEFT_OUT } from '../lib/gaps';
import type { PointColumns } from '../lib/points';
import { Inquiries, type Inquiry, type Need } from './inquiries';
import type { ChartData, DrawnCurve, FromCurves, Look, WishedCurve } from './messages';
import { needsOf } from './needs';

type Emit = (message: FromCurves, transfer: Transferable[]) => void;
type Ask = (names: readonly string[], question: CurveQuestion, signal: AbortSignal) => Promise<MetricsAnswer>;

interface Chart {
  curves: readonly WishedCurve[];
  /** Of what was said last; empty: nothing was. */
  said: string;
}

/** Points that came live, and how many had come before them. */
interface Heard {
  number: number;
  columns: readonly PointColumns[];
}

/** Curves that are kept though no chart shows them, the ones that were looked at last. */
const KEPT = 256;
const KEPT_BYTES = 64 * 2 ** 20;
const TILES_KEPT = 48;

export class CurveBook {
  readonly tips = new TipBook();
  /** By the start of the training and the name. */
  private readonly curves = new Map<string, KnownCurve>();
  private readonly charts = new Map<string, Chart>();
  private readonly inquiries: Inquiries;
  private readonly clock = new StepClock();
  private look: Look = { axis: 'step', range: null, notch: 0 };
  private originUs = 0;
  private batchesPerEpoch = 0;
  private attempts: readonly AttemptView[] = [];
  private segments: readonly Segment[] = segmentsOf([]);
  private epoch = '';
  /** The newest event that was heard of. */
  private offset = 0;
  private heard: Heard[] = [];
  private heardCount = 0;
  /** How many points had come when each open question was put. */
  private readonly since = new Map<Inquiry, number>();
  private metricCount = 0;
  private freshTips = true;
  private saidGaps = -1;
  private saidClock = -1;
  /** Goes up when every chart has to be drawn anew. */
  private lookVersion = 0;

  constructor(
    private readonly ask: Ask,
    private readonly emit: Emit,
  ) {
    this.inquiries = new Inquiries(
      (inquiry) => this.inquire(inquiry),
      () => this.pursue(),
    );
  }

  // ---------------------------------------------------------------- what the live view says

  /** The run as it stands, in place of all that was known. */
  snapshot(epoch: string, offset: number, tips: readonly Tip[], metricCount: number): void {
    this.epoch = epoch;
    this.offset = offset;
    this.metricCount = Math.max(metricCount, tips.length);
    this.tips.clear();
    for (const tip of tips) this.tips.put(tip);
    this.freshTips = true;
    this.forget();
  }

  run(firstPointUs: number, batchesPerEpoch: number, attempts: readonly AttemptView[]): void {
    const same = JSON.stringify(attempts) === JSON.stringify(this.attempts);
    const resumed = !same && (attempts.length > 1 || this.attempts.length > 1);
    const moved =
      (firstPointUs !== 0 && firstPointUs !== this.originUs) || batchesPerEpoch !== this.batchesPerEpoch;
    this.originUs = firstPointUs || this.originUs;
    this.batchesPerEpoch = batchesPerEpoch;
    if (!same) {
      this.attempts = attempts;
      this.segments = segmentsOf(attempts);
    }
    // Which points count is another question now.
    if (resumed) this.forget();
    else if (moved) this.lookVersion++;
    if (resumed || moved) this.pursue();
  }

  points(columns: readonly PointColumns[], offset: number): void {
    this.offset = Math.max(this.offset, offset);
    this.tips.append(columns);
    this.metricCount = Math.max(this.metricCount, this.tips.size);
    this.heardCount++;
    if (this.since.size > 0) this.heard.push({ number: this.heardCount, columns });
    const newest = this.segments.at(-1)?.attempt ?? 0;
    for (const column of columns) {
      if (this.originUs === 0) this.originUs = column.timesUs[0] ?? 0;
      // Of another rank there may be more starts.
      this.curves.get(keyOf(Math.min(newest, column.attempt), column.name))?.append(column);
    }
    this.tick(columns);
  }

  // ---------------------------------------------------------------- what the page says

  setLook(look: Look): void {
    if (JSON.stringify(look) === JSON.stringify(this.look)) return;
    this.look = look;
    this.lookVersion++;
    this.saidClock = -1;
    this.pursue();
    this.say();
  }

  setChart(chart: string, curves: readonly WishedCurve[] | null): void {
    if (curves === null) this.charts.delete(chart);
    else this.charts.set(chart, { curves, said: '' });
  }

  addTips(tips: readonly Tip[]): void {
    for (const tip of tips) if (this.tips.get(tip.name) === undefined) this.tips.put(tip);
    this.metricCount = Math.max(this.metricCount, this.tips.size);
  }

  stop(): void {
    this.inquiries.stop();
  }

  // ---------------------------------------------------------------- questions

  /** Whether all that is in view is there: nothing is asked for, and nothing is still to be. */
  get settled(): boolean {
    return this.inquiries.count === 0 && this.needs().length === 0;
  }

  /** Ask for what is missing in view. */
  pursue(): void {
    this.inquiries.pursue(this.needs());
    this.prune();
  }

  private needs(): Need[] {
    const needs: Need[] = [];
    for (const { name, exact } of this.wished()) {
      const tip = this.tips.get(name);
      if (tip === undefined) continue;
      const view = this.viewOptions(exact);
      for (const segment of this.segments) {
        const curve = this.open(segment.attempt, name);
        for (const question of needsOf(curve, tip.points, view, segment)) needs.push({ name, question });
      }
    }
    const clock = this.clockName();
    if (clock !== null && this.clock.size === 0 && this.newest(clock)?.points == null) {
      needs.push({ name: clock, question: { kind: 'whole', placing: 'step', attempt: 0 } });
    }
    return needs;
  }

  private async inquire(inquiry: Inquiry): Promise<void> {
    this.since.set(inquiry, this.heardCount);
    const { epoch, attempts } = this;
    try {
      const answer = await this.ask(inquiry.names, inquiry.question, inquiry.signal);
      // Meanwhile the run may have become another: what was asked then is of no use.
      if (epoch !== this.epoch || attempts !== this.attempts) return;
      if (answer.epoch !== '' && answer.epoch !== epoch) return;
      for (const name of inquiry.names) this.learn(name, inquiry, answer);
    } finally {
      this.since.delete(inquiry);
      this.dropHeard();
    }
    this.say();
  }

  private learn(name: string, inquiry: Inquiry, answer: MetricsAnswer): void {
    const { question } = inquiry;
    const curve = this.open(question.attempt, name);
    const json = answer.curves.get(name) ?? {};
    const offset = offsetOf(json) ?? this.offset;
    const later = this.laterThan(this.since.get(inquiry) ?? 0, name, question.attempt);
    if (question.kind === 'points') curve.put({ kind: 'points', points: readPoints(json), offset }, later);
    else if (question.kind === 'whole') {
      const whole = readWhole(json, question.placing, offset);
      curve.put({ kind: 'whole', whole, firstSteps: readFirstSteps(json) }, later);
      const timed = question.placing === 'step' && question.attempt === 0;
      if (timed && name === this.clockName()) this.clock.replace(...readTimes(json));
    } else {
      const { run } = question;
      curve.put({ kind: 'tiles', run, buckets: readTiles(json, run.placing, run.level), offset }, later);
    }
  }

  private laterThan(number: number, name: string, attempt: number): PointColumns[] {
    const newest = this.segments.at(-1)?.attempt ?? 0;
    const isOf = (column: PointColumns) =>
      column.name === name && (attempt === 0 || Math.min(newest, column.attempt) === attempt);
    return this.heard.filter((heard) => heard.number > number).flatMap(({ columns }) => columns.filter(isOf));
  }

  /** Points are kept while an answer is awaited that may lack them. */
  private dropHeard(): void {
    const first = Math.min(Infinity, ...this.since.values());
    this.heard = this.heard.filter(({ number }) => number > first);
  }

  // ---------------------------------------------------------------- what is said

  /** Say what changed: newest values, charts in view, gaps, and which step was when. */
  say(): void {
    this.sayTips();
    for (const [id, chart] of this.charts) this.sayChart(id, chart);
    this.sayGaps();
    this.sayClock();
  }

  private sayTips(): void {
    const tips = this.tips.takeChanged();
    if (tips.length === 0 && !this.freshTips) return;
    this.emit({ type: 'tips', tips, fresh: this.freshTips, metricCount: this.metricCount }, []);
    this.freshTips = false;
  }

  private sayChart(id: string, chart: Chart): void {
    const waiting = chart.curves.some(({ name }) => this.tips.get(name) !== undefined && this.lacks(name));
    const versions = chart.curves.map(({ name }) => this.versionOf(name)).join();
    const state = `${this.lookVersion} ${String(waiting)} ${versions}`;
    if (state === chart.said) return;
    chart.said = state;
    const curves = chart.curves.flatMap(({ name, exact }) => this.drawn(name, exact) ?? []);
    // What is on its way replaces what is shown at once, and a chart is not emptied for it.
    if (curves.length === 0 && waiting) return;
    const data: ChartData = { chart: id, axis: this.look.axis, curves, waiting };
    this.emit({ type: 'chart', data }, buffersOf(curves));
  }

  private lacks(name: string): boolean {
    return this.newest(name) === undefined || this.inquiries.isOpen(name);
  }

  private versionOf(name: string): string {
    return this.segments.map(({ attempt }) => this.curves.get(keyOf(attempt, name))?.version ?? -1).join(' ');
  }

  private drawn(name: string, exact: boolean): DrawnCurve | null {
    const whole = this.viewOptions(exact);
    const placing = placingOf(whole);
    const known = this.segments.flatMap(({ attempt, untilStep }) => {
      const curve = this.curves.get(keyOf(attempt, name));
      return curve === undefined ? [] : [{ curve, untilStep }];
    });
    // What is smoothed how far does not depend on how often a training was started.
    const options = known.length > 1 ? { ...whole, part: this.partOf(name, known, placing) } : whole;
    const parts = known.flatMap(({ curve, untilStep }): Part[] => {
      const view = viewOf(curve, options);
      if (view === null) return [];
      const until = untilStep === null ? null : xOfPlace(curve.placeOfStep(placing, untilStep), options);
      return [{ view, until }];
    });
    const joined = joinParts(parts);
    return joined === null ? null : { name, ...joined };
  }

  private partOf(
    name: string,
    known: readonly { curve: KnownCurve }[],
    placing: Placing,
  ): ViewOptions['part'] {
    const ends = known.flatMap(({ curve }) => curve.ends(placing) ?? []);
    const points = this.tips.get(name)?.points ?? 0;
    return ends.length === 0 ? null : { length: Math.max(...ends) - Math.min(...ends) + 1, points };
  }

  private sayGaps(): void {
    const curve = this.newest(LEFT_OUT);
    if (curve === undefined || curve.version === this.saidGaps) return;
    this.saidGaps = curve.version;
    const line = { steps: [] as number[], weights: [] as number[] };
    const { points } = curve;
    const whole = curve.whole('step');
    if (points !== null) {
      for (const i of points.order('step')) {
        line.steps.push(points.steps[i] ?? 0);
        line.weights.push(points.values[i] ?? 0);
      }
    } else if (whole !== null) {
      for (let i = 0; i < whole.buckets.size; i++) {
        const { index, count, mean } = whole.buckets.at(i);
        line.steps.push(index * whole.width);
        line.weights.push(count * mean);
      }
    }
    const lastStep = this.tips.get('loss')?.step ?? line.steps.at(-1) ?? 0;
    this.emit({ type: 'gaps', gaps: gapsOf(line, lastStep) }, []);
  }

  private sayClock(): void {
    const name = this.clockName();
    if (name === null) return;
    const points = this.newest(name)?.points ?? null;
    if (points !== null && this.clock.size < points.size) {
      const order = [...points.order('step')];
      this.clock.replace(
        order.map((i) => points.steps[i] ?? 0),
        order.map((i) => points.timesUs[i] ?? 0),
      );
    }
    if (this.clock.version === this.saidClock) return;
    this.saidClock = this.clock.version;
    this.emit({ type: 'clock', ...this.clock.columns() }, []);
  }

  // ---------------------------------------------------------------- the rest

  private *wished(): Iterable<WishedCurve> {
    for (const { curves } of this.charts.values()) yield* curves;
    if (this.tips.get(LEFT_OUT) !== undefined) yield { name: LEFT_OUT, exact: true };
  }

  /** The curve that knows best which step was when; null: nobody needs to know. */
  private clockName(): string | null {
    if (this.look.axis !== 'time') return null;
    return this.tips.get('loss')?.name ?? this.tips.first()?.name ?? null;
  }

  private tick(columns: readonly PointColumns[]): void {
    const name = this.clockName();
    for (const column of name === null ? [] : columns) {
      const last = column.steps.length - 1;
      if (column.name === name && last >= 0 && this.clock.size > 0) {
        this.clock.append(column.steps[last] ?? 0, column.timesUs[last] ?? 0);
      }
    }
  }

  private viewOptions(exact: boolean): ViewOptions {
    const { axis, range, notch } = this.look;
    const options = { axis, originUs: this.originUs, batchesPerEpoch: this.batchesPerEpoch };
    const window =
      range === null ? null : ([placeOfX(range[0], options), placeOfX(range[1], options)] as const);
    return { ...options, window, notch, exact, part: null };
  }

  private newest(name: string): KnownCurve | undefined {
    return this.curves.get(keyOf(this.segments.at(-1)?.attempt ?? 0, name));
  }

  private open(attempt: number, name: string): KnownCurve {
    const key = keyOf(attempt, name);
    // Last in the order: it was looked at last.
    const curve = this.curves.get(key) ?? new KnownCurve();
    this.curves.delete(key);
    this.curves.set(key, curve);
    return curve;
  }

  private forget(): void {
    this.curves.clear();
    this.clock.replace([], []);
    this.lookVersion++;
  }

  /** Forget curves that were not looked at for long, when they take too much. */
  private prune(): void {
    const wished = new Set<string>();
    for (const { name } of this.wished())
      for (const { attempt } of this.segments) wished.add(keyOf(attempt, name));
    let bytes = 0;
    for (const curve of this.curves.values()) bytes += curve.bytes;
    for (const [key, curve] of this.curves) {
      curve.trim(TILES_KEPT);
      if (wished.has(key) || (this.curves.size <= KEPT && bytes <= KEPT_BYTES)) continue;
      bytes -= curve.bytes;
      this.curves.delete(key);
    }
  }
}

/** A number has no blank: no two of these are the same text. */
const keyOf = (attempt: number, name: string): string => `${attempt} ${name}`;

/** The memory of the lines that were made for this one time. */
function buffersOf(curves: readonly DrawnCurve[]): Transferable[] {
  const buffers = new Set<ArrayBufferLike>();
  for (const { lines, smooth } of curves) {
    for (const { line } of lines) {
      for (const column of [line.x, line.mean, line.low, line.high, line.count, line.holes])
        buffers.add(column.buffer);
    }
    for (const { x, y } of smooth) for (const column of [x, y]) buffers.add(column.buffer);
  }
  return [...buffers] as ArrayBuffer[];
}
