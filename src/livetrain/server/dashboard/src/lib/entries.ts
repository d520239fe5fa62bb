/** From a durable record to a line of the log, for those that a person wants to read. */
import {
  LogLevel,
  TrainingStatus,
  type EpochData,
  type TelemetryRequest,
  type Validation,
} from '../gen/livetrain/proto/telemetry_pb';
import { formatAccuracy, formatMetric } from './format';
import { own } from './own';

export type EntryLevel = 'info' | 'good' | 'warning' | 'error' | 'debug';

export interface Entry {
  /** Unique on this page; the event's offset where it has one. */
  key: string;
  timeMs: number;
  kind: string;
  level: EntryLevel;
  text: string;
  /** A traceback: too long to stand there unfolded. Absent or empty: none. */
  detail?: string;
  step: number | null;
}

type Line = Pick<Entry, 'kind' | 'level' | 'text' | 'detail'> & { step?: number | null };

const STATUS_LINE: Partial<Record<TrainingStatus, [string, EntryLevel]>> = {
  [TrainingStatus.INITIALIZING]: ['Training is starting', 'info'],
  [TrainingStatus.RUNNING]: ['Training runs', 'info'],
  [TrainingStatus.PAUSED]: ['Training is paused', 'warning'],
  [TrainingStatus.COMPLETED]: ['Training finished', 'good'],
  [TrainingStatus.FAILED]: ['Training failed', 'error'],
};

const LEVELS: Partial<Record<LogLevel, EntryLevel>> = {
  [LogLevel.DEBUG]: 'debug',
  [LogLevel.WARNING]: 'warning',
  [LogLevel.ERROR]: 'error',
  [LogLevel.CRITICAL]: 'error',
};

const EVENT_LEVELS: Record<string, EntryLevel> = {
  error: 'error',
  rank_lost: 'warning',
  rank_back: 'good',
};

function epochLine(data: EpochData): Line {
  const parts = [];
  // An older client knows no presence: a zero of its is none.
  const loss = data.exactLoss ?? (data.hasLoss || data.averageLoss !== 0 ? data.averageLoss : undefined);
  const accuracy =
    data.exactAccuracy ?? (data.hasAccuracy || data.averageAccuracy !== 0 ? data.averageAccuracy : undefined);
  const validationLoss = data.exactValidationLoss ?? data.validationLoss;
  const validationAccuracy = data.exactValidationAccuracy ?? data.validationAccuracy;
  if (loss !== undefined) parts.push(`loss ${formatMetric(loss)}`);
  if (accuracy !== undefined) parts.push(`accuracy ${formatAccuracy(accuracy)}`);
  if (validationLoss !== undefined) parts.push(`val. loss ${formatMetric(validationLoss)}`);
  if (validationAccuracy !== undefined) parts.push(`val. accuracy ${formatAccuracy(validationAccuracy)}`);
  for (const { name, value } of data.validationMetrics) parts.push(`val. ${name} ${formatMetric(value)}`);
  for (const { name, value } of data.metrics) parts.push(`${name} ${formatMetric(value)}`);
  const text = [`Epoch ${data.epoch + 1} done`, parts.join(', ')].filter(Boolean).join(': ');
  return { kind: 'epoch', level: 'info', text, step: Number(data.step) };
}

function validationLine(data: Validation): Line {
  const parts = [];
  if (data.loss !== undefined) parts.push(`loss ${formatMetric(data.loss)}`);
  if (data.accuracy !== undefined) parts.push(`accuracy ${formatAccuracy(data.accuracy)}`);
  for (const { name, value } of data.metrics) parts.push(`${name} ${formatMetric(value)}`);
  return {
    kind: 'validation',
    level: 'info',
    text: `Validation: ${parts.join(', ')}`,
    step: Number(data.step),
  };
}

function line(record: TelemetryRequest): Line | null {
  const { payload } = record;
  switch (payload.case) {
    case 'statusUpdate': {
      const { status, message, interrupted, exitCode, traceback } = payload.value;
      const [words, level] = STATUS_LINE[status] ?? ['Status', 'info'];
      const failed = status === TrainingStatus.FAILED && exitCode !== undefined;
      const text = failed ? `${words} with exit code ${exitCode}` : words;
      if (interrupted)
        return {
          kind: 'status',
          level: 'warning',
          text: `Training was interrupted${message && `: ${message}`}`,
        };
      return {
        kind: 'status',
        level,
        text: message === '' ? text : `${text}: ${message}`,
        detail: traceback,
      };
    }
    case 'epochData':
      return epochLine(payload.value);
    case 'validation':
      return validationLine(payload.value);
    case 'log':
      return {
        kind: payload.value.source || 'log',
        level: LEVELS[payload.value.level] ?? 'info',
        text: payload.value.message,
        step: payload.value.step === undefined ? null : Number(payload.value.step),
      };
    case 'event': {
      const { kind, message, step, fields } = payload.value;
      const details = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
      const text = message || details.join(', ') || kind.replace(/_/g, ' ');
      return {
        kind: kind.replace(/_/g, ' '),
        level: own(EVENT_LEVELS, kind) ?? 'info',
        text,
        step: Number(step),
      };
    }
    case 'round': {
      const { round, totalRounds, phase, clientId, metrics } = payload.value;
      const told = metrics.map(({ name, value }) => `${name} ${formatMetric(value)}`).join(', ');
      const who = clientId === '' ? '' : `, client ${clientId}`;
      return {
        kind: 'round',
        level: 'info',
        text: `Round ${round}${totalRounds > 0 ? ` of ${totalRounds}` : ''}${who} ${phase}${told && `: ${told}`}`,
      };
    }
    case 'tombstone': {
      const { reason, records } = payload.value;
      // There may be thousands of those; they are marked on the curves.
      if (reason === 'thinned') return null;
      const what = records === 1 ? 'A record is' : `${records} records are`;
      return { kind: 'gap', level: 'warning', text: `${what} not coming: ${reason}` };
    }
    default:
      return null;
  }
}

/**
 * null: nothing to read in this record (a batch, a heartbeat).
 *
 * @param rank the producer's; one above 0 says which it is.
 */
export function entryOf(
  record: TelemetryRequest,
  offset: number,
  receivedMs: number,
  rank = 0,
): Entry | null {
  const said = line(record);
  if (said === null) return null;
  const timeMs = Number(record.timestampMs) || receivedMs;
  const text = rank === 0 ? said.text : `Rank ${rank}: ${said.text}`;
  return { ...said, text, key: `o${offset}`, timeMs, step: said.step ?? null };
}

/** A status that is said again, because something else of it was new, is no news. */
function isNews(entry: Entry, i: number, all: readonly Entry[]): boolean {
  if (entry.kind !== 'status') return true;
  return all.slice(0, i).findLast(({ kind }) => kind === 'status')?.text !== entry.text;
}

/** Two lists of entries into one, each once, oldest first, the last `keep` of them. */
export function mergeEntries(old: readonly Entry[], fresh: readonly Entry[], keep = 500): Entry[] {
  const seen = new Set(old.map((entry) => entry.key));
  const added = fresh.filter((entry) => !seen.has(entry.key));
  if (added.length === 0) return old as Entry[];
  return [...old, ...added]
    .sort((a, b) => a.timeMs - b.timeMs)
    .filter(isNews)
    .slice(-keep);
}
