/** Protobuf messages to what the page keeps: plain data without bigint. */
import type {
  Curve,
  CurveTip,
  Frame,
  Performance,
  RankState,
  RunState,
} from '../gen/livetrain/proto/live_pb';
import type { ControlDeclaration } from '../gen/livetrain/proto/telemetry_pb';
import type { Control, Parameter } from '../lib/controls';
import { tipOf, type Tip } from '../lib/curves/tip';
import { own } from '../lib/own';
import { totalsOf } from '../lib/stripped';
import { tilesOf } from '../lib/tiles-of';
import { readRange } from '../lib/value-range';
import type { DecodedFrame, Pictures } from '../paint/frame';
import type { PerformanceView, RankView, RunView } from './messages';

const KINDS: readonly string[] = ['float', 'int', 'text', 'choice'] satisfies Parameter['kind'][];

function controlView({ verb, title, parameters, impossible }: ControlDeclaration): Control {
  return {
    verb,
    title,
    impossible,
    parameters: parameters.map(({ name, kind, minimum, maximum, defaultValue, choices }) => ({
      name,
      // A kind that is not known here can still be typed.
      kind: KINDS.includes(kind) ? (kind as Parameter['kind']) : 'text',
      minimum: minimum ?? null,
      maximum: maximum ?? null,
      default: defaultValue,
      choices,
    })),
  };
}

export function runView(state: RunState): RunView {
  const { config, report } = state;
  return {
    runId: state.runId,
    name: state.name,
    project: state.project,
    status: state.status,
    contact: state.contact,
    message: state.message,
    createdMs: Number(state.createdMs),
    lastHeardMs: Number(state.lastHeardMs),
    endedMs: Number(state.endedMs),
    steps: Number(state.steps),
    epoch: state.epoch,
    worldSize: Math.max(1, state.worldSize),
    firstPointUs: Number(state.firstPointUs),
    clockOffsetUs: Number(state.clockOffsetUs),
    attempts: state.attempts.map(({ attempt, fromStep }) => ({ attempt, fromStep: Number(fromStep) })),
    tags: state.tags,
    config: {
      totalEpochs: config?.totalEpochs ?? 0,
      batchesPerEpoch: config?.batchesPerEpoch ?? 0,
      batchSize: config?.batchSize ?? 0,
      model: config?.modelName ?? '',
      dataset: config?.datasetName ?? '',
      settings: config?.configJson ?? '',
    },
    remarks: state.remarks,
    traceback: state.traceback,
    trouble: state.trouble,
    ranks: state.ranks.map(rankView),
    controls: state.controls.map(controlView),
    report: report
      ? {
          stripped: totalsOf(report, 'stripped'),
          dropped: totalsOf(report, 'dropped'),
          framesSent: Number(own(report.counters, 'frames_sent') ?? 0n),
          overheadPercent: report.overheadPercent,
          governor: report.governor,
        }
      : null,
  };
}

/** Where a curve stands, as a server of before tells it: by the curve alone. */
export const tipOfCurve = ({ name, steps, values, times, totalPoints }: Curve): Tip | null =>
  tipOf({ name, steps: steps.map(Number), values, times, total: Number(totalPoints) });

export function tipView(tip: CurveTip): Tip {
  return {
    name: tip.name,
    step: Number(tip.step),
    value: tip.value,
    timeUs: tip.time * 1e6,
    points: Number(tip.points),
    nonfinite: Number(tip.nonfinite),
    lastFinite: tip.lastFinite ?? null,
    lastFiniteStep: tip.lastFiniteStep === undefined ? null : Number(tip.lastFiniteStep),
    attempt: Math.max(1, tip.attempt),
  };
}

const rankView = (rank: RankState): RankView => ({
  rank: rank.rank,
  contact: rank.contact,
  status: rank.status,
  steps: Number(rank.steps),
  stepMs: rank.stepMs ?? null,
  ownMs: rank.ownMs ?? null,
  lastHeardMs: Number(rank.lastHeardMs),
  pictures: rank.sendsFrames,
});

export function performanceView(performance: Performance): PerformanceView {
  const { data, ingestFps } = performance;
  const used = data?.resourceUsage;
  return {
    ranks: performance.ranks.map(rankView),
    remarks: performance.remarks,
    remainingSeconds: data?.estimatedTimeRemainingSec ?? 0,
    trainerFps: data?.currentFps ?? 0,
    ingestFps,
    batchMs: data?.timePerBatchMs ?? 0,
    overheadPercent: data?.overheadPercent ?? null,
    resources: used
      ? {
          cpuPercent: used.cpuPercent,
          memoryMb: used.memoryMb,
          memoryTotalMb: used.memoryTotalMb,
          gpu:
            used.hasGpu || used.gpuMemoryMb > 0
              ? { percent: used.gpuPercent, memoryMb: used.gpuMemoryMb, memoryTotalMb: used.gpuMemoryTotalMb }
              : null,
        }
      : null,
  };
}

function hasPicture(pictures: Pictures, i: number): boolean {
  return pictures.kind === 'strip' || (pictures.bitmaps[i] ?? null) !== null;
}

/** null: the frame carries no batch. */
export function decodedFrame(
  frame: Frame,
  names: readonly string[],
  pictures: Pictures,
  kept: boolean,
): DecodedFrame | null {
  const payload = frame.record?.payload;
  if (payload?.case !== 'batchData') return null;
  const batch = payload.value;
  const view = {
    number: Number(frame.frameNumber),
    step: Number(batch.step) || batch.batchIdx,
    epoch: batch.epoch,
    rank: frame.rank,
    loggedUs: Number(batch.loggedUs),
    serverSkipped: Number(frame.skipped),
    range: readRange(batch.valueRange),
    tiles: tilesOf(batch, names).map((tile, i) =>
      tile.error === '' && !hasPicture(pictures, i)
        ? { ...tile, error: 'the picture cannot be decoded' }
        : tile,
    ),
  };
  return { view, pictures, kept };
}
