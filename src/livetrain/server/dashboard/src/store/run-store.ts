/** What the page of one run shows, but for pictures and curves: those are too many for a store and too fast. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { CommandBook } from '../lib/commands';
import type { ListedCurves } from '../curve-feed/curve-client';
import type { Entry } from '../lib/entries';
import type { Gap } from '../lib/gaps';
import { initialLink, type Link } from '../lib/reconnect';
import type { Rounds } from '../lib/rounds';
import type { SampleView } from '../lib/samples';
import type { Counts } from '../lib/stripped';
import type { ValueRange } from '../lib/value-range';
import type { CaughtUp, PerformanceView, RunView } from '../live/messages';

export interface FrameFacts {
  number: number;
  step: number;
  epoch: number;
  rank: number;
  right: number;
  judged: number;
  range: ValueRange | null;
}

export interface Rates {
  fps: number;
  /** Milliseconds from log_batch to paint; null: not known, or the clocks differ. */
  p50: number | null;
  p99: number | null;
}

/** Frames, and by the trainer's own count records. */
export interface LeftOut {
  trainer: Counts;
  server: number;
  browser: number;
  records: Counts;
}

export interface RunPage {
  link: Link;
  /** When the connection was lost, on this page's clock, Unix milliseconds; null: it is there. */
  lostAtMs: number | null;
  back: (CaughtUp & { atMs: number }) | null;
  /** How long nothing came of the server, milliseconds; 0: it is heard. */
  quietMs: number;
  /** The server's clock to this page's, milliseconds: added to ours it is the server's; null: not known. */
  serverAheadMs: number | null;
  run: RunView | null;
  step: number | null;
  epoch: number;
  performance: PerformanceView | null;
  viewers: number;
  /** Of those who watch and said a name. */
  names: readonly string[];
  /** Whose pictures are shown. */
  shownRank: number;
  entries: readonly Entry[];
  commands: CommandBook;
  /** The newest first, as rounds are. */
  samples: readonly SampleView[];
  rounds: Rounds;
  /** The last end of a command, in a sentence, for those who listen; empty: none since the page is there. */
  announcement: string;
  frame: FrameFacts | null;
  rates: Rates;
  leftOut: LeftOut;
  /** Curves that are known of by name, those of records left out aside. */
  metricNames: readonly string[];
  /** How many curves the run has; there may be more than names are known. */
  metricCount: number;
  /** What the last search among all curves found. */
  listed: ListedCurves | null;
  /** Where records were left out. */
  gaps: readonly Gap[];
  /** Goes up when a curve's newest value has changed. */
  curvesVersion: number;
  /** The picture is held still by the user. */
  held: boolean;
}

export type RunStore = StoreApi<RunPage>;

export const initialPage: RunPage = {
  link: initialLink,
  lostAtMs: null,
  back: null,
  quietMs: 0,
  serverAheadMs: null,
  run: null,
  step: null,
  epoch: 0,
  performance: null,
  viewers: 0,
  names: [],
  shownRank: 0,
  entries: [],
  commands: new Map(),
  samples: [],
  rounds: [],
  announcement: '',
  frame: null,
  rates: { fps: 0, p50: null, p99: null },
  leftOut: { trainer: new Map(), server: 0, browser: 0, records: new Map() },
  metricNames: [],
  metricCount: 0,
  listed: null,
  gaps: [],
  curvesVersion: 0,
  held: false,
};

export const createRunStore = (): RunStore => createStore<RunPage>(() => initialPage);
