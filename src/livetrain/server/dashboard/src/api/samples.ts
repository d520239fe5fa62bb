/** The samples whose pictures the server keeps, read with care. */
import type { SampleView } from '../lib/samples';
import { getJson } from './http';
import { timeMs } from './runs';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const whole = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** null: it is none that can be read. */
export function readSample(row: unknown): SampleView | null {
  if (!isObject(row) || text(row.sample_id) === '') return null;
  return {
    id: text(row.sample_id),
    kind: text(row.kind),
    prompt: text(row.prompt),
    step: whole(row.step),
    epoch: whole(row.epoch),
    timeMs: timeMs(row.created_at) ?? 0,
    width: whole(row.width),
    height: whole(row.height),
  };
}

/** The newest first. */
export async function listSamples(runId: string): Promise<SampleView[]> {
  const answer = await getJson(`/api/runs/${encodeURIComponent(runId)}/samples?limit=200`);
  if (!isObject(answer) || !Array.isArray(answer.samples)) throw new Error('the samples are not readable');
  return answer.samples.flatMap((row) => readSample(row) ?? []);
}
