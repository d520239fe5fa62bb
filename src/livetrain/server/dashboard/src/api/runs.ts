/** The server's lists, read with care: an answer of another shape is an error here and not somewhere in a page. */
import { getJson } from './http';

export interface RunRow {
  runId: string;
  name: string;
  project: string;
  status: string;
  contact: string;
  steps: number;
  /** Unix milliseconds; null: not said. */
  createdMs: number | null;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** ISO text, Unix seconds or Unix milliseconds. */
export function timeMs(value: unknown): number | null {
  if (typeof value === 'string') {
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? null : ms;
  }
  if (typeof value !== 'number' || value <= 0) return null;
  return value > 1e11 ? value : value * 1000;
}

export function readRuns(answer: unknown): RunRow[] {
  if (!isObject(answer) || !Array.isArray(answer.runs)) throw new Error('the list of runs is not readable');
  return answer.runs.filter(isObject).map((row) => ({
    runId: text(row.run_id),
    name: text(row.name),
    project: text(row.project),
    status: text(row.status),
    contact: text(row.contact),
    steps: number(row.steps),
    createdMs: timeMs(row.created_at),
  }));
}

export const listRuns = async (): Promise<RunRow[]> => readRuns(await getJson('/api/runs'));

export function readSpark(answer: unknown): number[] {
  const metrics = isObject(answer) ? answer.metrics : null;
  const loss = isObject(metrics) ? metrics.loss : null;
  const values = isObject(loss) ? loss.values : null;
  return Array.isArray(values) ? values.filter((v): v is number => typeof v === 'number') : [];
}

/** The loss at a glance. */
export const lossSpark = async (runId: string): Promise<number[]> =>
  readSpark(await getJson(`/api/runs/${encodeURIComponent(runId)}/metrics?names=loss&points=48`));
