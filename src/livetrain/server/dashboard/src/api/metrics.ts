/** Questions about curves. */
import { readMetrics, readSummary, type MetricsAnswer, type SummaryAnswer } from '../lib/curves/answer';
import type { Placing } from '../lib/curves/grid';
import { placesOf, TILE, type TileRun } from '../lib/curves/tiles';
import { WHOLE } from '../lib/curves/whole-curve';
import { getJson } from './http';

/** What can be asked of several curves at once. */
export type CurveQuestion = {
  /** Which start of the training; 0: there was one. */
  attempt: number;
} & ({ kind: 'points' } | { kind: 'whole'; placing: Placing } | { kind: 'tiles'; run: TileRun });

const SECOND_US = 1e6;
const path = (runId: string): string => `/api/runs/${encodeURIComponent(runId)}/metrics`;

/** A name with a comma cannot stand in a list of names. */
function nameParameters(names: readonly string[]): string[] {
  const listed = names.filter((name) => name !== '' && !name.includes(','));
  const others = names.filter((name) => name === '' || name.includes(','));
  return [
    `names=${encodeURIComponent(listed.join(','))}`,
    ...others.map((name) => `name=${encodeURIComponent(name)}`),
  ];
}

function parametersOf(question: CurveQuestion): string[] {
  const attempt = question.attempt === 0 ? [] : [`attempt=${question.attempt}`];
  return [...shapeOf(question), ...attempt];
}

function shapeOf(question: CurveQuestion): string[] {
  switch (question.kind) {
    case 'points':
      return [];
    case 'whole':
      return ['stat=buckets', `axis=${question.placing}`, `points=${WHOLE}`];
    case 'tiles': {
      const { run } = question;
      const unit = run.placing === 'step' ? 1 : SECOND_US;
      const [from, to] = placesOf(run).map((place) => place / unit);
      const points = (run.last - run.first + 1) * TILE;
      return ['stat=buckets', `axis=${run.placing}`, `from=${from}`, `to=${to}`, `points=${points}`];
    }
  }
}

export function metricsPath(runId: string, names: readonly string[], question: CurveQuestion): string {
  return `${path(runId)}?${[...nameParameters(names), ...parametersOf(question)].join('&')}`;
}

export async function askCurves(
  runId: string,
  names: readonly string[],
  question: CurveQuestion,
  signal: AbortSignal,
): Promise<MetricsAnswer> {
  return readMetrics(await getJson(metricsPath(runId, names, question), signal));
}

/**
 * A page of the list of a run's curves, by name.
 *
 * @param wanted a part of the names; empty: all.
 * @param after where the page before ended; null: from the beginning.
 */
export async function listCurves(
  runId: string,
  wanted: string,
  after: string | null,
  limit: number,
): Promise<SummaryAnswer> {
  const parameters = [
    ...(wanted === '' ? [] : [`q=${encodeURIComponent(wanted)}`]),
    ...(after === null ? [] : [`after=${encodeURIComponent(after)}`]),
    `limit=${limit}`,
  ];
  return readSummary(await getJson(`${path(runId)}/summary?${parameters.join('&')}`));
}
