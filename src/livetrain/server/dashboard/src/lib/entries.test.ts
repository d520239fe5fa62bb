import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { LogLevel, TelemetryRequestSchema, TrainingStatus } from '../gen/livetrain/proto/telemetry_pb';
import { entryOf, mergeEntries, type Entry } from './entries';

const entry = (payload: object) =>
  entryOf(create(TelemetryRequestSchema, { payload: payload as never }), 5, 1000);

it('says which rank it was, and what befell one', () => {
  const failed = { case: 'statusUpdate', value: { status: TrainingStatus.FAILED, message: 'no peer' } };
  const record = create(TelemetryRequestSchema, { payload: failed as never });
  expect(entryOf(record, 5, 1000, 1)?.text).toBe('Rank 1: Training failed: no peer');
  const lost = { kind: 'rank_lost', message: 'Rank 1 has not been heard for 30 s.', fields: {}, step: 7n };
  expect(entry({ case: 'event', value: lost })).toMatchObject({
    kind: 'rank lost',
    level: 'warning',
    text: 'Rank 1 has not been heard for 30 s.',
  });
});

it('says status, epochs, logs and gaps in words', () => {
  const failed = { status: TrainingStatus.FAILED, message: 'CUDA out of memory' };
  expect(entry({ case: 'statusUpdate', value: failed })).toMatchObject({
    key: 'o5',
    level: 'error',
    text: 'Training failed: CUDA out of memory',
    timeMs: 1000,
  });
  expect(entry({ case: 'statusUpdate', value: { ...failed, interrupted: true, message: '' } })?.text).toBe(
    'Training was interrupted',
  );
  expect(
    entry({ case: 'epochData', value: { epoch: 2, averageLoss: 0.5, hasLoss: true, step: 30n } }),
  ).toMatchObject({
    text: 'Epoch 3 done: loss 0.5',
    step: 30,
  });
  expect(
    entry({ case: 'log', value: { level: LogLevel.WARNING, message: 'slow', source: 'loader', step: 7n } }),
  ).toMatchObject({
    kind: 'loader',
    step: 7,
    level: 'warning',
  });
  expect(entry({ case: 'tombstone', value: { reason: 'too large', records: 3 } })?.text).toBe(
    '3 records are not coming: too large',
  );
  expect(entry({ case: 'tombstone', value: { reason: 'refused', records: 1 } })?.text).toBe(
    'A record is not coming: refused',
  );
  const exit = { ...failed, exitCode: 3, traceback: 'Traceback (most recent call last): …' };
  expect(entry({ case: 'statusUpdate', value: exit })).toMatchObject({
    text: 'Training failed with exit code 3: CUDA out of memory',
    detail: exit.traceback,
  });
  expect(entry({ case: 'event', value: { kind: 'constructor', message: 'm', fields: {} } })?.level).toBe(
    'info',
  );
  const round = { round: 2, totalRounds: 0, phase: 'end', metrics: [] };
  expect(entry({ case: 'round', value: round })?.text).toBe('Round 2 end');
  // Thousands may be; they are marked on the curves.
  expect(entry({ case: 'tombstone', value: { reason: 'thinned', records: 1 } })).toBeNull();
});

it('has nothing to say of a batch', () => {
  expect(entry({ case: 'batchData', value: {} })).toBeNull();
});

it('merges each entry once, oldest first, and no more than it may keep', () => {
  const at = (timeMs: number): Entry => ({
    key: `o${timeMs}`,
    timeMs,
    kind: '',
    level: 'info',
    text: '',
    step: null,
  });
  const old = [at(1), at(3)];
  expect(mergeEntries(old, [at(3)])).toBe(old);
  expect(mergeEntries(old, [at(2), at(3), at(4)], 3).map(({ timeMs }) => timeMs)).toEqual([2, 3, 4]);
});

it('says a status once, however often it is told', () => {
  const at = (timeMs: number, kind: string, text: string): Entry => ({
    key: `o${timeMs}`,
    timeMs,
    kind,
    level: 'info',
    text,
    step: null,
  });
  const told = [
    at(1, 'status', 'runs'),
    at(2, 'log', 'hello'),
    at(3, 'status', 'runs'),
    at(4, 'log', 'hello'),
    at(5, 'status', 'paused'),
    at(6, 'status', 'runs'),
  ];
  expect(mergeEntries([], told).map(({ timeMs }) => timeMs)).toEqual([1, 2, 4, 5, 6]);
});

it('says all numbers of an epoch, each as it was logged', () => {
  const value = {
    epoch: 0,
    step: 9n,
    hasLoss: true,
    averageLoss: Infinity,
    exactLoss: 1e39,
    hasAccuracy: true,
    averageAccuracy: 0.99960002,
    exactAccuracy: 0.9996,
    validationLoss: Number.NaN,
    exactValidationLoss: Number.NaN,
    validationMetrics: [{ name: 'ppl', value: 12.5 }],
    metrics: [{ name: 'f1', value: 0.25 }],
  };
  expect(entry({ case: 'epochData', value })?.text).toBe(
    'Epoch 1 done: loss 1e39, accuracy 99.96\u00a0%, val. loss NaN, val. ppl 12.5, f1 0.25',
  );
  const older = { epoch: 0, step: 0n, averageLoss: 0.5 };
  expect(entry({ case: 'epochData', value: older })?.text).toBe('Epoch 1 done: loss 0.5');
});
