/** What the worker and the page say to each other: plain data, no protobuf and no bigint past this line. */
import type { AttemptView } from '../lib/attempts';
import type { CommandPart } from '../lib/commands';
import type { Control } from '../lib/controls';
import type { Entry } from '../lib/entries';
import type { Link } from '../lib/reconnect';
import type { RoundPart } from '../lib/rounds';
import type { StepMark } from '../lib/whereabouts';
import type { SampleView } from '../lib/samples';
import type { Counts } from '../lib/stripped';
import type { Order } from '../paint/mosaic';
import type { Palette } from '../paint/palette';
import type { CloseUp, PaintReport } from '../paint/report';

export interface RunView {
  runId: string;
  name: string;
  project: string;
  status: string;
  contact: string;
  message: string;
  createdMs: number;
  lastHeardMs: number;
  endedMs: number;
  steps: number;
  epoch: number;
  /** Processes that train together. */
  worldSize: number;
  /** When the first point was logged: where the run's time begins; microseconds since 1970, 0: none yet. */
  firstPointUs: number;
  /** Of the trainer's clock to the server's: what to subtract from the trainer's times. */
  clockOffsetUs: number;
  /** Each start of the training and its first step, ascending; empty: there was one. */
  attempts: readonly AttemptView[];
  tags: string[];
  config: {
    totalEpochs: number;
    batchesPerEpoch: number;
    batchSize: number;
    model: string;
    dataset: string;
    settings: string;
  };
  /** What is worth saying of the whole run, in sentences. */
  remarks: readonly string[];
  /** Of the error that ended the run; empty: none. */
  traceback: string;
  /** Why the server cannot store anything now; empty: it can. */
  trouble: string;
  /** As they were last known, after the end too; empty: the run is alone, or the server does not say. */
  ranks: readonly RankView[];
  /** What the trainer lets itself be told; nothing else may be offered. */
  controls: Control[];
  report: {
    /** Images and records that the trainer left out, by reason. */
    stripped: Counts;
    dropped: Counts;
    framesSent: number;
    overheadPercent: number;
    governor: string;
  } | null;
}

/** One of several processes that train together. */
export interface RankView {
  rank: number;
  contact: string;
  status: string;
  steps: number;
  /** Milliseconds of a recent step, and of that what the rank took alone; null: not known. */
  stepMs: number | null;
  ownMs: number | null;
  lastHeardMs: number;
  /** There is a picture of it to see. */
  pictures: boolean;
}

export interface PerformanceView {
  /** Of a run of several ranks: those that reported so far; empty: it is alone. */
  ranks: RankView[];
  /** What is worth saying of them, in sentences. */
  remarks: string[];
  remainingSeconds: number;
  trainerFps: number;
  ingestFps: number;
  batchMs: number;
  overheadPercent: number | null;
  resources: {
    cpuPercent: number;
    memoryMb: number;
    memoryTotalMb: number;
    gpu: { percent: number; memoryMb: number; memoryTotalMb: number } | null;
  } | null;
}

export interface CaughtUp {
  /** Another store than before: what was here is of no use any more. */
  reset: boolean;
  events: number;
  awayMs: number;
}

export type FromWorker =
  | { type: 'link'; link: Link; retryInMs: number | null; sinceMs: number }
  /** `whole`: the page starts from here, or goes on from here after an absence. */
  | { type: 'state'; run: RunView; whole: boolean }
  /** The server lives: its clock, Unix milliseconds. */
  | { type: 'beat'; serverMs: number }
  /** How long nothing came from a server that says something once a second; 0: it is heard again. */
  | { type: 'quiet'; ms: number }
  | {
      type: 'events';
      entries: Entry[];
      commands: CommandPart[];
      samples: SampleView[];
      rounds: RoundPart[];
      /** False: from before this page was there. */
      fresh: boolean;
      stripped: Record<string, number>;
      /** The newest that was logged; null: none of these records has one. */
      at: StepMark | null;
      epoch: number;
    }
  | { type: 'performance'; performance: PerformanceView }
  | { type: 'viewers'; viewers: number; names: string[] }
  | { type: 'back'; caughtUp: CaughtUp }
  | { type: 'painted'; report: PaintReport };

export type ToWorker =
  /** `curves`: where the worker of curves listens. */
  | { type: 'open'; url: string; name: string; curves: MessagePort }
  | { type: 'introduce'; name: string }
  | { type: 'watchRank'; rank: number }
  /** The canvas to paint on; it is the worker's own from now on. */
  | { type: 'stage'; canvas: OffscreenCanvas; palette: Palette }
  | { type: 'unstage' }
  | { type: 'resize'; width: number; scale: number }
  | { type: 'palette'; palette: Palette }
  | { type: 'order'; order: Order }
  /** Stretch pictures that use few of their levels. */
  | { type: 'contrast'; stretched: boolean }
  | { type: 'look'; closeUp: CloseUp | null }
  | { type: 'hold'; held: boolean }
  | { type: 'visible'; visible: boolean }
  | { type: 'wake' }
  | { type: 'stop' };
