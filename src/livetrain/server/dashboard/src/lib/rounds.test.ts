import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { TelemetryRequestSchema } from '../gen/livetrain/proto/telemetry_pb';
import { columnsOf, learnRounds, roundPartOf, type RoundPart } from './rounds';

const of = (metrics: Record<string, number>) => new Map(Object.entries(metrics));
const part = (change: Partial<RoundPart>): RoundPart => ({
  round: 1,
  total: 3,
  client: '',
  phase: 'end',
  metrics: new Map(),
  fit: new Map(),
  evaluation: new Map(),
  timeMs: 0,
  ...change,
});

it('reads a round', () => {
  const value = {
    round: 2,
    totalRounds: 5,
    clientId: '7',
    phase: 'progress',
    metrics: [{ name: 'loss', value: 0.5 }],
    evaluationMetrics: [{ name: 'f1', value: 0.25 }],
  };
  const record = create(TelemetryRequestSchema, { payload: { case: 'round', value: value as never } });
  expect(roundPartOf(record, 9)).toEqual({
    round: 2,
    total: 5,
    client: '7',
    phase: 'progress',
    metrics: of({ loss: 0.5 }),
    fit: new Map(),
    evaluation: of({ f1: 0.25 }),
    timeMs: 9,
  });
  expect(roundPartOf(create(TelemetryRequestSchema, {}), 0)).toBeNull();
});

it('puts what is said of a round and its clients together, in whatever order it comes', () => {
  const parts = [
    part({ client: '10', phase: 'start' }),
    part({ client: '2', phase: 'end', metrics: of({ loss: 0.5, num_samples: 96 }) }),
    part({ client: '2', phase: 'progress', metrics: of({ loss: 0.7 }) }),
    part({ fit: of({ loss: 0.4 }), evaluation: of({ loss: 0.6 }) }),
    part({ metrics: of({ f1: 0.9 }) }),
    part({ round: 2, phase: 'start' }),
  ];
  const rounds = learnRounds([], parts);
  expect(rounds.map(({ round, done }) => [round, done])).toEqual([
    [2, false],
    [1, true],
  ]);
  expect(rounds[1]).toMatchObject({
    total: 3,
    metrics: of({ 'fit/loss': 0.4, 'evaluation/loss': 0.6, f1: 0.9 }),
    clients: [
      { name: '2', state: 'done' },
      { name: '10', state: 'training' },
    ],
  });
  expect(learnRounds(rounds, [])).toBe(rounds);
  expect(learnRounds([], parts, 1)).toHaveLength(1);
});

it('puts the usual columns first', () => {
  const all = [of({ f1: 1, 'fit/loss': 1 }), of({ accuracy: 1, loss: 1, b: 1, c: 1 })];
  expect(columnsOf(all, 4)).toEqual(['loss', 'fit/loss', 'accuracy', 'f1']);
});

it('takes any name', () => {
  const value = {
    round: 1,
    totalRounds: 1,
    phase: 'end',
    metrics: [
      { name: '__proto__', value: 1 },
      { name: 'constructor', value: 2 },
    ],
  };
  const record = create(TelemetryRequestSchema, { payload: { case: 'round', value: value as never } });
  const read = roundPartOf(record, 0);
  const [round] = learnRounds([], read === null ? [] : [read]);
  expect([...(round?.metrics ?? [])]).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ]);
  expect(columnsOf([round?.metrics ?? new Map()])).toEqual(['__proto__', 'constructor']);
});
