/** The page's end of the worker of curves. */
import type { Gap } from '../lib/gaps';
import { placeFrom } from '../lib/curves/search';
import type { Tip } from '../lib/curves/tip';
import type { ChartData, FromCurves, Look, ToCurves, WishedCurve } from './messages';

/** A page of the list of all curves. */
export interface ListedCurves {
  wanted: string;
  names: readonly string[];
  total: number;
  /** There are others still. */
  more: boolean;
}

export interface CurveHandlers {
  /** Newest values that changed; `fresh`: in place of all. */
  tips: (tips: readonly Tip[], fresh: boolean, metricCount: number) => void;
  gaps: (gaps: readonly Gap[]) => void;
  listed: (list: ListedCurves) => void;
}

export class CurveClient {
  private readonly worker: Worker;
  private readonly charts = new Map<string, (data: ChartData) => void>();
  private clock: { steps: Float64Array; timesUs: Float64Array } | null = null;
  private readonly seen = () => this.post({ type: 'visible', visible: !document.hidden });

  constructor(
    runId: string,
    /** Where what comes live is told. */
    live: MessagePort,
    private readonly handlers: CurveHandlers,
  ) {
    this.worker = new Worker(new URL('./curves.worker.ts', import.meta.url), {
      type: 'module',
      name: 'livetrain curves',
    });
    this.worker.onmessage = ({ data }: MessageEvent<FromCurves>) => this.take(data);
    this.post({ type: 'open', runId, live }, [live]);
    this.seen();
    document.addEventListener('visibilitychange', this.seen);
  }

  setLook(look: Look): void {
    this.post({ type: 'look', look });
  }

  /** Tell what a chart that is in view draws, from now on. Answers how to stop. */
  watch(chart: string, curves: readonly WishedCurve[], take: (data: ChartData) => void): () => void {
    this.charts.set(chart, take);
    this.post({ type: 'chart', chart, curves });
    return () => {
      if (this.charts.get(chart) !== take) return;
      this.charts.delete(chart);
      this.post({ type: 'chart', chart, curves: null });
    };
  }

  /** @param wanted a part of the names; empty: the next of all. */
  list(wanted: string): void {
    this.post({ type: 'list', wanted });
  }

  /** When a step was, in microseconds since 1970; null: not known. */
  timeOf(step: number): number | null {
    if (this.clock === null || this.clock.steps.length === 0) return null;
    // A command after the last step that was logged stands at that one.
    const at = Math.min(placeFrom(this.clock.steps, step), this.clock.steps.length - 1);
    return this.clock.timesUs[at] ?? null;
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.seen);
    this.worker.terminate();
  }

  private take(message: FromCurves): void {
    switch (message.type) {
      case 'chart':
        return this.charts.get(message.data.chart)?.(message.data);
      case 'tips':
        return this.handlers.tips(message.tips, message.fresh, message.metricCount);
      case 'gaps':
        return this.handlers.gaps(message.gaps);
      case 'clock':
        this.clock = message;
        return;
      case 'list':
        return this.handlers.listed(message);
    }
  }

  private post(message: ToCurves, transfer: Transferable[] = []): void {
    this.worker.postMessage(message, transfer);
  }
}
