/** From a durable record to points of curves: the same names as the server's own metrics. */
import type {
  BatchData,
  EpochData,
  PerformanceData,
  Scalar,
  TelemetryRequest,
  Validation,
} from '../gen/livetrain/proto/telemetry_pb';
import { LEFT_OUT } from './gaps';

export interface Point {
  name: string;
  /** null: an older client, which gives no step. The curve counts on. */
  step: number | null;
  value: number;
  /** Unix seconds. */
  time: number;
}

type Put = (name: string, value: number | undefined) => void;

const scalars = (put: Put, prefix: string, list: readonly Scalar[]) => {
  for (const { name, value } of list) put(name.startsWith(prefix) ? name : prefix + name, value);
};

/** Older clients know no presence: what is zero there may be real for losses, and means "none" for the rest. */
function batch(put: Put, data: BatchData, older: boolean): void {
  put('loss', data.batchLoss ?? (older ? 0 : undefined));
  put('accuracy', data.batchAccuracy ?? (older ? 0 : undefined));
}

function epoch(put: Put, data: EpochData, older: boolean): void {
  const given = (has: boolean, value: number) => (has || (older && value !== 0) ? value : undefined);
  put('epoch/loss', given(data.hasLoss, data.averageLoss));
  put('epoch/accuracy', given(data.hasAccuracy, data.averageAccuracy));
  put('learning_rate', given(data.hasLearningRate, data.learningRate));
  put('val/loss', data.validationLoss);
  put('val/accuracy', data.validationAccuracy);
  scalars(put, 'epoch/', data.metrics);
}

function validation(put: Put, data: Validation): void {
  put('val/loss', data.loss);
  put('val/accuracy', data.accuracy);
  scalars(put, 'val/', data.metrics);
}

function performance(put: Put, data: PerformanceData): void {
  put('perf/fps', data.currentFps);
  put('perf/time_per_batch_ms', data.timePerBatchMs);
  const used = data.resourceUsage;
  if (used === undefined) return;
  put('system/cpu_percent', used.cpuPercent);
  put('system/memory_mb', used.memoryMb);
  if (used.hasGpu || used.gpuMemoryMb > 0) {
    put('system/gpu_percent', used.gpuPercent);
    put('system/gpu_memory_mb', used.gpuMemoryMb);
  }
}

export function stepOf(record: TelemetryRequest): number | null {
  const { payload } = record;
  const older = record.seq === 0n;
  switch (payload.case) {
    case 'batchData':
    case 'epochData':
    case 'performanceData':
      return older ? null : Number(payload.value.step);
    case 'scalars':
    case 'validation':
    case 'event':
      return Number(payload.value.step);
    case 'tombstone':
      return payload.value.step === undefined ? null : Number(payload.value.step);
    default:
      return null;
  }
}

/**
 * @param receivedMs stands in for a record that says no time of its own.
 * @param rank the producer's: the curves of ranks above 0 have names of their own, as on the server.
 */
export function pointsOf(record: TelemetryRequest, receivedMs: number, rank = 0): Point[] {
  const points: Point[] = [];
  const prefix = rank === 0 ? '' : `rank${rank}/`;
  const step = stepOf(record);
  const time = (Number(record.timestampMs) || receivedMs) / 1000;
  const put: Put = (name, value) => {
    if (value !== undefined) points.push({ name: prefix + name, step, value, time });
  };
  const older = record.seq === 0n;
  const { payload } = record;
  if (payload.case === 'batchData') batch(put, payload.value, older);
  else if (payload.case === 'epochData') epoch(put, payload.value, older);
  else if (payload.case === 'scalars') scalars(put, '', payload.value.values);
  else if (payload.case === 'validation') validation(put, payload.value);
  else if (payload.case === 'performanceData') performance(put, payload.value);
  else if (payload.case === 'tombstone' && step !== null) put(LEFT_OUT, payload.value.records);
  else if (payload.case === 'round') {
    const round = payload.value;
    if (round.clientId === '') {
      for (const { name, value } of round.metrics)
        points.push({ name: prefix + name, step: round.round, value, time });
    }
  }
  return points;
}
