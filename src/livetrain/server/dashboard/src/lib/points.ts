/** From a durable record to points of curves: the same rule as the server's own. */
import type {
  BatchData,
  EpochData,
  PerformanceData,
  PointColumn,
  Round,
  Scalar,
  TelemetryRequest,
  Validation,
} from '../gen/livetrain/proto/telemetry_pb';
import { LEFT_OUT } from './gaps';

/** Points of one curve, in the order in which they were logged; the columns have equal lengths. */
export interface PointColumns {
  name: string;
  /** Which start of the training they are of, from 1. */
  attempt: number;
  steps: Float64Array;
  values: Float64Array;
  /** Microseconds since 1970, by the server's clock. */
  timesUs: Float64Array;
  /** Of the event that each came with. */
  offsets: Float64Array;
}

/** Which record points come from. */
export interface Origin {
  offset: number;
  /** Stands in for a record that says no time of its own; Unix milliseconds. */
  receivedMs: number;
  /** The producer's: the curves of ranks above 0 are `rank1/loss` and so on. */
  rank: number;
  /** From 1. */
  attempt: number;
  /** Of the trainer's clock to the server's: what to subtract from the record's own times, in microseconds. */
  clockOffsetUs: number;
}

interface Growing {
  steps: number[];
  values: number[];
  timesUs: number[];
  offsets: number[];
}

type Put = (name: string, value: number | undefined) => void;

/** A clock that is out of its mind. */
const NO_TIME_US = 2 ** 62;
const ROW_BYTES = 8;

/** A name below a prefix, which is not said twice. */
const below = (prefix: string, name: string): string => (name.startsWith(prefix) ? name : prefix + name);

function validationName(name: string): string {
  return below('val/', name.startsWith('val_') && name.length > 4 ? `val/${name.slice(4)}` : name);
}

function epochName(name: string): string {
  return name.startsWith('val/') || name.startsWith('val_') ? validationName(name) : below('epoch/', name);
}

/** Each name once: what stands in a field of its own comes before a metric that is named like it. */
function distinct(put: Put): Put {
  const seen = new Set<string>();
  return (name, value) => {
    if (value === undefined || seen.has(name)) return;
    seen.add(name);
    put(name, value);
  };
}

function batch(put: Put, data: BatchData): void {
  put('loss', data.exactLoss ?? data.batchLoss);
  put('accuracy', data.exactAccuracy ?? data.batchAccuracy);
}

function epoch(put: Put, data: EpochData): void {
  const given = (has: boolean, value: number) => (has ? value : undefined);
  put('epoch/loss', data.exactLoss ?? given(data.hasLoss, data.averageLoss));
  put('epoch/accuracy', data.exactAccuracy ?? given(data.hasAccuracy, data.averageAccuracy));
  put('learning_rate', data.exactLearningRate ?? given(data.hasLearningRate, data.learningRate));
  put('val/loss', data.exactValidationLoss ?? data.validationLoss);
  put('val/accuracy', data.exactValidationAccuracy ?? data.validationAccuracy);
  for (const { name, value } of data.metrics) put(epochName(name), value);
  for (const { name, value } of data.validationMetrics) put(validationName(name), value);
}

function validation(put: Put, data: Validation): void {
  put('val/loss', data.loss);
  put('val/accuracy', data.accuracy);
  for (const { name, value } of data.metrics) put(validationName(name), value);
}

function performance(put: Put, data: PerformanceData): void {
  // Else no two steps came yet.
  if (data.timePerBatchMs > 0 || data.currentFps > 0) put('perf/fps', data.currentFps);
  if (data.timePerBatchMs > 0) put('perf/time_per_batch_ms', data.timePerBatchMs);
  const used = data.resourceUsage;
  if (used === undefined) return;
  put('system/cpu_percent', used.cpuPercent);
  put('system/memory_mb', used.memoryMb);
  if (used.hasGpu || used.gpuPercent !== 0 || used.gpuMemoryMb !== 0) {
    put('system/gpu_percent', used.gpuPercent);
    put('system/gpu_memory_mb', used.gpuMemoryMb);
  }
}

const scalars = (put: Put, list: readonly Scalar[]) => {
  for (const { name, value } of list) put(name, value);
};

function round(put: Put, { clientId, metrics, fitMetrics, evaluationMetrics }: Round): void {
  const prefix = clientId === '' ? 'round/' : `client/${clientId}/`;
  const group = (own: string, list: readonly Scalar[]) => {
    for (const { name, value } of list) put(below(prefix, below(own, name)), value);
  };
  group('', metrics);
  group('fit/', fitMetrics);
  group('evaluation/', evaluationMetrics);
}

/** The step that a record says; null: it has none. */
export function stepOf({ payload }: TelemetryRequest): number | null {
  switch (payload.case) {
    case 'batchData':
    case 'epochData':
    case 'performanceData':
    case 'scalars':
    case 'validation':
    case 'event':
      return Number(payload.value.step);
    case 'columns': {
      // The newest stands last.
      const steps = payload.value.columns.map(({ steps }) => lastOf(steps)).filter((step) => step !== null);
      return steps.length > 0 ? Math.max(...steps) : null;
    }
    case 'tombstone':
      return payload.value.step === undefined ? null : Number(payload.value.step);
    default:
      return null;
  }
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function lastOf(steps: Uint8Array): number | null {
  if (steps.byteLength < ROW_BYTES) return null;
  return Number(viewOf(steps).getBigInt64(steps.byteLength - ROW_BYTES, true));
}

/** Gathers the points of many records, curve by curve. */
export class PointCollector {
  private readonly attempts = new Map<number, Map<string, Growing>>();

  add(record: TelemetryRequest, origin: Origin): void {
    const { payload } = record;
    const prefix = origin.rank === 0 ? '' : `rank${origin.rank}/`;
    if (payload.case === 'columns') {
      for (const column of payload.value.columns) this.addColumn(prefix, column, origin);
      return;
    }
    const step = payload.case === 'round' ? payload.value.round : stepOf(record);
    if (step === null) return;
    const timeUs = timeOf(record, origin);
    const put: Put = (name, value) => {
      if (value !== undefined) push(this.open(prefix + name, origin), step, value, timeUs, origin.offset);
    };
    if (payload.case === 'batchData') batch(put, payload.value);
    else if (payload.case === 'epochData') epoch(distinct(put), payload.value);
    else if (payload.case === 'scalars') scalars(put, payload.value.values);
    else if (payload.case === 'validation') validation(distinct(put), payload.value);
    else if (payload.case === 'performanceData') performance(put, payload.value);
    else if (payload.case === 'round') round(put, payload.value);
    else if (payload.case === 'tombstone') {
      const { records, lastStep } = payload.value;
      put(LEFT_OUT, records);
      // Where a longer gap ends.
      if (Number(lastStep ?? 0) > step) {
        push(this.open(prefix + LEFT_OUT, origin), Number(lastStep), 0, timeUs, origin.offset);
      }
    }
  }

  /** What was gathered since the last time. */
  take(): PointColumns[] {
    const columns: PointColumns[] = [];
    for (const [attempt, curves] of this.attempts) {
      for (const [name, { steps, values, timesUs, offsets }] of curves) {
        columns.push({
          name,
          attempt,
          steps: Float64Array.from(steps),
          values: Float64Array.from(values),
          timesUs: Float64Array.from(timesUs),
          offsets: Float64Array.from(offsets),
        });
      }
    }
    this.attempts.clear();
    return columns;
  }

  private addColumn(prefix: string, { name, steps, values, timesUs }: PointColumn, origin: Origin): void {
    const rows = Math.floor(Math.min(steps.byteLength, values.byteLength, timesUs.byteLength) / ROW_BYTES);
    if (rows === 0) return;
    const into = this.open(prefix + name, origin);
    const [stepView, valueView, timeView] = [viewOf(steps), viewOf(values), viewOf(timesUs)];
    for (let at = 0; at < rows * ROW_BYTES; at += ROW_BYTES) {
      const timeUs = serverTime(Number(timeView.getBigInt64(at, true)), origin);
      push(
        into,
        Number(stepView.getBigInt64(at, true)),
        valueView.getFloat64(at, true),
        timeUs,
        origin.offset,
      );
    }
  }

  private open(name: string, { attempt }: Origin): Growing {
    let curves = this.attempts.get(attempt);
    if (curves === undefined) this.attempts.set(attempt, (curves = new Map<string, Growing>()));
    let curve = curves.get(name);
    if (curve === undefined) {
      curve = { steps: [], values: [], timesUs: [], offsets: [] };
      curves.set(name, curve);
    }
    return curve;
  }
}

/** When a record was made, by the server's clock, in microseconds since 1970. */
export function timeOf({ payload, timestampMs, loggedUs }: TelemetryRequest, origin: Origin): number {
  const logged = payload.case === 'batchData' ? Number(payload.value.loggedUs) : 0;
  return serverTime(logged || Number(loggedUs) || Number(timestampMs) * 1000, origin);
}

function serverTime(ownUs: number, { receivedMs, clockOffsetUs }: Origin): number {
  const timeUs = ownUs - clockOffsetUs;
  const sane = ownUs > 0 && ownUs < NO_TIME_US && timeUs >= 0 && timeUs < NO_TIME_US;
  return sane ? timeUs : receivedMs * 1000;
}

function push(into: Growing, step: number, value: number, timeUs: number, offset: number): void {
  into.steps.push(step);
  into.values.push(value);
  into.timesUs.push(timeUs);
  into.offsets.push(offset);
}
