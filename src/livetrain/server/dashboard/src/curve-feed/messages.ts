/** What the worker of curves is told and says: plain data. */
import type { AttemptView } from '../lib/attempts';
import type { Axis } from '../lib/curves/axis';
import type { DrawnParts } from '../lib/curves/parts';
import type { Tip } from '../lib/curves/tip';
import type { Gap } from '../lib/gaps';
import type { PointColumns } from '../lib/points';

/** What the worker of the live view says to the worker of curves. */
export type FromLive =
  /** The run as it stands at `offset`, in place of all that was known. */
  | { type: 'snapshot'; epoch: string; offset: number; tips: Tip[]; metricCount: number }
  | { type: 'run'; firstPointUs: number; batchesPerEpoch: number; attempts: readonly AttemptView[] }
  | { type: 'points'; columns: PointColumns[]; offset: number };

export interface WishedCurve {
  name: string;
  /** Never smoothed. */
  exact: boolean;
}

/** How every chart of a page is looked at. */
export interface Look {
  axis: Axis;
  /** The part of x in view; null: all of it. */
  range: readonly [number, number] | null;
  /** How strongly curves are smoothed, 0 to 6. */
  notch: number;
}

/** What the page says to the worker of curves. */
export type ToCurves =
  | { type: 'open'; runId: string; live: MessagePort }
  | { type: 'look'; look: Look }
  /** A chart came into view or shows other curves; null: it left the view. */
  | { type: 'chart'; chart: string; curves: readonly WishedCurve[] | null }
  /** The list of curves: those with `wanted` in their name, or the next of all. */
  | { type: 'list'; wanted: string }
  | { type: 'visible'; visible: boolean }
  | { type: 'stop' };

export interface DrawnCurve extends DrawnParts {
  name: string;
}

/** All that one chart draws. */
export interface ChartData {
  chart: string;
  axis: Axis;
  curves: DrawnCurve[];
  /** More of what is in view was asked for. */
  waiting: boolean;
}

/** What the worker of curves says to the page. */
export type FromCurves =
  | { type: 'chart'; data: ChartData }
  /** The curves whose newest value changed; `fresh`: in place of all. */
  | { type: 'tips'; tips: Tip[]; fresh: boolean; metricCount: number }
  | { type: 'gaps'; gaps: Gap[] }
  /** Which step was when: ascending steps, and microseconds since 1970. */
  | { type: 'clock'; steps: Float64Array; timesUs: Float64Array }
  /** More of the list of curves is there; `more`: there are others still. */
  | { type: 'list'; wanted: string; names: string[]; total: number; more: boolean };
