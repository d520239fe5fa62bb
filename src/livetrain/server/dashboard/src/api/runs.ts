/** The server's lists, read with care: an answer of another shape is an error here and not somewhere in a page. */
import type { ListPage } from '../lib/run-list';
import type { Spark } from '../lib/spark';
import { getJson } from './http';

export interface RunRow {
  runId: string;
  name: string;
  project: string;
  tags: readonly string[];
  status: string;
  contact: string;
  /** Why it ended; empty: nothing was said. */
  message: string;
  /** The newest step plus one; 0: none was logged. */
  steps: number;
  /** Unix milliseconds; null: not said. */
  createdMs: number | null;
  /** When its first point was logged; null: there is none. */
  startedMs: number | null;
  /** From its first point to its end, seconds; null: not known. */
  seconds: number | null;
  /** What is worth saying of it, in sentences. */
  remarks: readonly string[];
}

/** What is asked for: all words, one of the statuses; empty: any. */
export interface RunQuestion {
  q: string;
  status: string;
}

export interface LossGlance {
  curve: Spark;
  /** The newest value that was logged, NaN and infinities too. */
  newest: number;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

/** ISO text, Unix seconds or Unix milliseconds. */
export function timeMs(value: unknown): number | null {
  if (typeof value === 'string') {
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? null : ms;
  }
  if (typeof value !== 'number' || value <= 0) return null;
  return value > 1e11 ? value : value * 1000;
}

function readRow(row: Json): RunRow {
  return {
    runId: text(row.run_id),
    name: text(row.name),
    project: text(row.project),
    tags: texts(row.tags),
    status: text(row.status),
    contact: text(row.contact),
    message: text(row.message),
    steps: number(row.steps),
    createdMs: timeMs(row.created_at),
    startedMs: timeMs(row.started_at),
    seconds: typeof row.duration === 'number' ? row.duration : null,
    remarks: texts(row.remarks),
  };
}

export function readRuns(answer: unknown): ListPage<RunRow> {
  if (!isObject(answer) || !Array.isArray(answer.runs)) throw new Error('The list of runs is not readable.');
  const next = typeof answer.next === 'number' ? String(answer.next) : text(answer.next);
  return {
    rows: answer.runs.filter(isObject).map(readRow),
    next: next === '' ? null : next,
    total: typeof answer.total === 'number' ? answer.total : null,
  };
}

/** @param cursor `next` of the page before; null: the first page. */
export async function listRuns({ q, status }: RunQuestion, cursor: string | null): Promise<ListPage<RunRow>> {
  const asked = new URLSearchParams();
  if (q !== '') asked.set('q', q);
  if (status !== '') asked.set('status', status);
  if (cursor !== null) asked.set('cursor', cursor);
  return readRuns(await getJson(`/api/runs${asked.size > 0 ? `?${asked.toString()}` : ''}`));
}

/** What trainings call their loss, the first that is there counts. */
const LOSSES = ['loss', 'train/loss', 'train_loss', 'epoch/loss', 'val/loss'];
const KINDS = new Map([
  ['inf', Infinity],
  ['-inf', -Infinity],
]);

const numbers = (value: unknown): (number | null)[] =>
  Array.isArray(value) ? value.map((one) => (typeof one === 'number' ? one : null)) : [];

/** What a value was that JSON has no number for, by step. */
function kindsOf(value: unknown): Map<number, number> {
  const found = Array.isArray(value) ? value.filter(isObject) : [];
  return new Map(found.map(({ step, kind }) => [number(step), KINDS.get(text(kind)) ?? Number.NaN]));
}

/** null: there is no point of it. */
function readGlance(metric: Json): LossGlance | null {
  const [steps, times] = [numbers(metric.steps), numbers(metric.times)];
  const kinds = kindsOf(metric.nonfinite);
  const values = numbers(metric.values).map((value, i) => value ?? kinds.get(steps[i] ?? -1) ?? Number.NaN);
  if (values.length === 0 || steps.length < values.length) return null;
  // Logged last, which after a resume is not the highest step.
  let newest = 0;
  for (let i = 1; i < values.length; i++) if ((times[i] ?? 0) >= (times[newest] ?? 0)) newest = i;
  const curve = { steps: steps.map((step) => step ?? 0), values };
  return { curve, newest: values[newest] ?? Number.NaN };
}

export function readLoss(answer: unknown): LossGlance | null {
  const metrics = isObject(answer) ? answer.metrics : null;
  if (!isObject(metrics)) return null;
  for (const name of LOSSES) {
    const metric = metrics[name];
    const glance = isObject(metric) ? readGlance(metric) : null;
    if (glance !== null) return glance;
  }
  return null;
}

/** The loss at a glance; null: the run has none. */
export const lossGlance = async (runId: string): Promise<LossGlance | null> =>
  readLoss(
    await getJson(
      `/api/runs/${encodeURIComponent(runId)}/metrics?names=${encodeURIComponent(LOSSES.join(','))}&points=48`,
    ),
  );
