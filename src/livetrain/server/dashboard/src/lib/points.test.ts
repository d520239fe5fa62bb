import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { TelemetryRequestSchema, type TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';
import { CurveSet } from './curve-set';
import { pointsOf } from './points';

type Init = Parameters<typeof create<typeof TelemetryRequestSchema>>[1];
const record = (init: Init): TelemetryRequest => create(TelemetryRequestSchema, init);
const named = (r: TelemetryRequest) =>
  Object.fromEntries(pointsOf(r, 7000).map(({ name, value }) => [name, value]));

describe('pointsOf', () => {
  it('takes loss and accuracy of a batch at its step, and leaves out what was not given', () => {
    const r = record({
      seq: 1n,
      timestampMs: 5000n,
      payload: { case: 'batchData', value: { step: 12n, batchLoss: 0.5 } as never },
    });
    expect(pointsOf(r, 7000)).toEqual([{ name: 'loss', step: 12, value: 0.5, time: 5 }]);
  });

  it('keeps the curves of other ranks apart', () => {
    const r = record({
      seq: 1n,
      payload: { case: 'batchData', value: { step: 3n, batchLoss: 0.5 } as never },
    });
    expect(pointsOf(r, 7000, 2).map(({ name }) => name)).toEqual(['rank2/loss']);
  });

  it('marks where a record was left out, if its place is known', () => {
    const at = (value: object) =>
      pointsOf(record({ payload: { case: 'tombstone', value: value as never } }), 7000);
    expect(at({ reason: 'thinned', records: 1, step: 12n })).toEqual([
      { name: 'livetrain/left_out', step: 12, value: 1, time: 7 },
    ]);
    expect(at({ reason: 'thinned', records: 1 })).toEqual([]);
  });

  it('reads an older client: no step, absent numbers are zero, and the curve counts on', () => {
    const r = record({ payload: { case: 'batchData', value: { batchLoss: 0.5 } as never } });
    expect(pointsOf(r, 7000)).toEqual([
      { name: 'loss', step: null, value: 0.5, time: 7 },
      { name: 'accuracy', step: null, value: 0, time: 7 },
    ]);
    const curves = new CurveSet();
    curves.append(pointsOf(r, 7000));
    curves.append(pointsOf(r, 8000));
    expect(curves.get('loss')?.polyline().steps).toEqual([0, 1]);
  });

  it('names epoch means, validation and the user’s own as the server does', () => {
    const epoch = record({
      seq: 2n,
      payload: {
        case: 'epochData',
        value: {
          averageLoss: 1,
          hasLoss: true,
          validationAccuracy: 0.5,
          metrics: [{ name: 'f1', value: 3 }],
        } as never,
      },
    });
    expect(named(epoch)).toEqual({ 'epoch/loss': 1, 'val/accuracy': 0.5, 'epoch/f1': 3 });
    const scalars = record({
      seq: 3n,
      payload: { case: 'scalars', value: { values: [{ name: 'x', value: 9 }] } as never },
    });
    expect(named(scalars)).toEqual({ x: 9 });
  });

  it('shows no GPU where there is none', () => {
    const value = { currentFps: 30, resourceUsage: { cpuPercent: 50, memoryMb: 100 } } as never;
    const names = Object.keys(named(record({ seq: 4n, payload: { case: 'performanceData', value } })));
    expect(names).not.toContain('system/gpu_percent');
    expect(names).toContain('system/cpu_percent');
  });

  it('has no points for a heartbeat', () => {
    expect(pointsOf(record({ payload: { case: 'heartbeat', value: {} as never } }), 0)).toEqual([]);
  });
});
