import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { TelemetryRequestSchema, type TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';
import { PointCollector, stepOf, timeOf, type Origin } from './points';

type Init = Parameters<typeof create<typeof TelemetryRequestSchema>>[1];
const record = (init: Init): TelemetryRequest => create(TelemetryRequestSchema, init);
const ORIGIN: Origin = { offset: 3, receivedMs: 7000, rank: 0, attempt: 1, clockOffsetUs: 0 };

function pointsOf(init: Init, origin: Partial<Origin> = {}): [string, number, number, number][] {
  const collector = new PointCollector();
  collector.add(record(init), { ...ORIGIN, ...origin });
  return collector
    .take()
    .flatMap(({ name, steps, values, timesUs }) =>
      [...steps].map((step, i): [string, number, number, number] => [
        name,
        step,
        values[i] ?? 0,
        timesUs[i] ?? 0,
      ]),
    );
}
const named = (init: Init) => new Map(pointsOf(init).map(([name, , value]) => [name, value]));

function bytes(
  numbers: readonly number[],
  write: (view: DataView, at: number, n: number) => void,
): Uint8Array {
  // Not aligned: bytes of a message stand anywhere in it.
  const view = new DataView(new ArrayBuffer(numbers.length * 8 + 3), 3);
  numbers.forEach((n, i) => write(view, i * 8, n));
  return new Uint8Array(view.buffer, 3);
}
const int64 = (numbers: readonly number[]) =>
  bytes(numbers, (view, at, n) => view.setBigInt64(at, BigInt(n), true));
const float64 = (numbers: readonly number[]) => bytes(numbers, (view, at, n) => view.setFloat64(at, n, true));

describe('points', () => {
  it('are loss and accuracy of a batch at its step, exactly as they were logged', () => {
    const value = { step: 12n, batchLoss: Math.fround(0.1), exactLoss: 0.1, batchAccuracy: 0.5 } as never;
    expect(pointsOf({ seq: 1n, timestampMs: 5000n, payload: { case: 'batchData', value } })).toEqual([
      ['loss', 12, 0.1, 5e6],
      ['accuracy', 12, 0.5, 5e6],
    ]);
  });

  it('have the time of the call, by the server’s clock', () => {
    const value = { step: 1n, batchLoss: 1, loggedUs: 4_000_001n } as never;
    const init: Init = { timestampMs: 5000n, payload: { case: 'batchData', value } };
    expect(pointsOf(init, { clockOffsetUs: 1_000_000 })[0]?.[3]).toBe(3_000_001);
    expect(timeOf(record(init), ORIGIN)).toBe(4_000_001);
    const odd = { step: 1n, batchLoss: 1, loggedUs: 2n ** 63n } as never;
    expect(pointsOf({ payload: { case: 'batchData', value: odd } })[0]?.[3]).toBe(7_000_000);
  });

  it('keep the curves of other ranks apart', () => {
    const value = { step: 3n, batchLoss: 0.5 } as never;
    expect(pointsOf({ payload: { case: 'batchData', value } }, { rank: 2 })[0]?.[0]).toBe('rank2/loss');
  });

  it('mark where a record was left out, if its place is known', () => {
    const at = (value: object) => pointsOf({ payload: { case: 'tombstone', value: value as never } });
    expect(at({ reason: 'thinned', records: 1, step: 12n })).toEqual([
      ['livetrain/left_out', 12, 1, 7_000_000],
    ]);
    expect(at({ reason: 'thinned', records: 1 })).toEqual([]);
  });

  it('are epoch means, validation and the user’s own, each prefix once', () => {
    const value = {
      averageLoss: 1,
      hasLoss: true,
      exactValidationAccuracy: 0.5,
      metrics: [
        { name: 'f1', value: 3 },
        { name: 'epoch/auc', value: 4 },
      ],
      validationMetrics: [{ name: 'ppl', value: 5 }],
    } as never;
    expect([...named({ payload: { case: 'epochData', value } })]).toEqual([
      ['epoch/loss', 1],
      ['val/accuracy', 0.5],
      ['epoch/f1', 3],
      ['epoch/auc', 4],
      ['val/ppl', 5],
    ]);
    const scalars = { values: [{ name: '__proto__', value: 9 }] } as never;
    expect([...named({ payload: { case: 'scalars', value: scalars } })]).toEqual([['__proto__', 9]]);
  });

  it('are those of a round and of each of its clients', () => {
    const metrics = [{ name: 'loss', value: 1 }];
    const round = (clientId: string) =>
      named({
        payload: {
          case: 'round',
          value: { round: 4, clientId, metrics, fitMetrics: metrics, evaluationMetrics: metrics } as never,
        },
      });
    expect([...round('').keys()]).toEqual(['round/loss', 'round/fit/loss', 'round/evaluation/loss']);
    expect([...round('a').keys()]).toEqual([
      'client/a/loss',
      'client/a/fit/loss',
      'client/a/evaluation/loss',
    ]);
  });

  it('come as columns, in the order in which they were logged', () => {
    const columns = [
      {
        name: 'loss',
        steps: int64([7, 8, 0]),
        timesUs: int64([1_700_000_000_000_001, 1_700_000_000_000_002, 0]),
        values: float64([0.1, NaN, -Infinity]),
      },
      // Not all of its rows came.
      { name: 'lr', steps: int64([7, 8]), timesUs: int64([5, 6]), values: float64([1]) },
      { name: 'none', steps: new Uint8Array(), timesUs: new Uint8Array(), values: new Uint8Array() },
    ];
    const init: Init = { payload: { case: 'columns', value: { columns } as never } };
    expect(pointsOf(init)).toEqual([
      ['loss', 7, 0.1, 1_700_000_000_000_001],
      ['loss', 8, NaN, 1_700_000_000_000_002],
      ['loss', 0, -Infinity, 7_000_000],
      ['lr', 7, 1, 5],
    ]);
    expect(stepOf(record(init))).toBe(8);
  });

  it('show no GPU where there is none', () => {
    const value = { currentFps: 30, resourceUsage: { cpuPercent: 50, memoryMb: 100 } } as never;
    const names = [...named({ payload: { case: 'performanceData', value } }).keys()];
    expect(names).not.toContain('system/gpu_percent');
    expect(names).toContain('system/cpu_percent');
  });

  it('are none of a heartbeat', () => {
    expect(pointsOf({ payload: { case: 'heartbeat', value: {} as never } })).toEqual([]);
  });

  it('are gathered curve by curve, each start of the training apart', () => {
    const collector = new PointCollector();
    const add = (step: bigint, offset: number, attempt: number) =>
      collector.add(record({ payload: { case: 'batchData', value: { step, batchLoss: 1 } as never } }), {
        ...ORIGIN,
        offset,
        attempt,
      });
    add(1n, 10, 1);
    add(2n, 11, 1);
    add(1n, 12, 2);
    const told = collector
      .take()
      .map(({ name, attempt, steps, offsets }) => [name, attempt, [...steps], [...offsets]]);
    expect(told).toEqual([
      ['loss', 1, [1, 2], [10, 11]],
      ['loss', 2, [1], [12]],
    ]);
    expect(collector.take()).toEqual([]);
  });
});
