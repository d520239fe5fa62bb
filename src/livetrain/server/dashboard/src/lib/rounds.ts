/** Federated rounds and their clients: what single records say of them, put together. */
import type { Scalar, TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';

/** By name. */
export type Metrics = ReadonlyMap<string, number>;

export interface RoundPart {
  round: number;
  total: number;
  /** Empty: the whole round. */
  client: string;
  phase: string;
  metrics: Metrics;
  fit: Metrics;
  evaluation: Metrics;
  timeMs: number;
}

export interface ClientView {
  name: string;
  state: 'training' | 'done';
  metrics: Metrics;
}

export interface RoundView {
  round: number;
  total: number;
  done: boolean;
  /** Of the whole round: its own, those of its fit and those of its evaluation, by the names that curves have. */
  metrics: Metrics;
  /** By name. */
  clients: readonly ClientView[];
}

/** The newest first. */
export type Rounds = readonly RoundView[];

const numbers = (scalars: readonly Scalar[]): Metrics =>
  new Map(scalars.map(({ name, value }) => [name, value]));

const prefixed = (prefix: string, metrics: Metrics): Metrics =>
  new Map([...metrics].map(([name, value]) => [`${prefix}${name}`, value]));

/** The later ones win. */
const joined = (...all: Metrics[]): Metrics => new Map(all.flatMap((metrics) => [...metrics]));

/** null: the record is not about a round. */
export function roundPartOf(record: TelemetryRequest, receivedMs: number): RoundPart | null {
  const { payload } = record;
  if (payload.case !== 'round') return null;
  const { round, totalRounds, clientId, phase, metrics, fitMetrics, evaluationMetrics } = payload.value;
  return {
    round,
    total: totalRounds,
    client: clientId,
    phase,
    metrics: numbers(metrics),
    fit: numbers(fitMetrics),
    evaluation: numbers(evaluationMetrics),
    timeMs: Number(record.timestampMs) || receivedMs,
  };
}

function learned(before: RoundView | undefined, part: RoundPart): RoundView {
  const known = before ?? { round: part.round, total: 0, done: false, metrics: new Map(), clients: [] };
  const told = joined(part.metrics, prefixed('fit/', part.fit), prefixed('evaluation/', part.evaluation));
  const total = part.total || known.total;
  if (part.client === '') {
    const done = known.done || part.phase === 'end';
    return { ...known, total, done, metrics: joined(known.metrics, told) };
  }
  const one = known.clients.find(({ name }) => name === part.client);
  const client: ClientView = {
    name: part.client,
    // Their order is not promised: one that is done does not begin again.
    state: one?.state === 'done' || part.phase === 'end' ? 'done' : 'training',
    metrics: one === undefined ? told : joined(one.metrics, told),
  };
  const clients = [...known.clients.filter(({ name }) => name !== part.client), client].sort((a, b) =>
    a.name.localeCompare(b.name, 'en', { numeric: true }),
  );
  return { ...known, total, clients };
}

/** What was known and what is said now; a part that is said again changes nothing that can be seen. */
export function learnRounds(before: Rounds, parts: readonly RoundPart[], keep = 500): Rounds {
  if (parts.length === 0) return before;
  const rounds = new Map(before.map((one) => [one.round, one]));
  for (const part of parts) rounds.set(part.round, learned(rounds.get(part.round), part));
  return [...rounds.values()].sort((a, b) => b.round - a.round).slice(0, keep);
}

/** The names of the columns, at most `most`: loss and accuracy first, then as they come. */
export function columnsOf(all: readonly Metrics[], most = 5): string[] {
  const names = [...new Set(all.flatMap((metrics) => [...metrics.keys()]))];
  const rank = (name: string): number => {
    const own = name.split('/').at(-1);
    return (own === 'loss' ? 0 : own === 'accuracy' ? 1 : 2) + (name.includes('/') ? 0.5 : 0);
  };
  return names.sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
