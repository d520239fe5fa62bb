import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { CommandState, TelemetryRequestSchema } from '../gen/livetrain/proto/telemetry_pb';
import { commandPartOf } from './command-parts';

const part = (payload: object) =>
  commandPartOf(create(TelemetryRequestSchema, { timestampMs: 7n, payload: payload as never }), 1200);

it('reads who gave which', () => {
  const value = { commandId: 'c1', verb: 'pause', issuedBy: 'ada', issuedMs: 1000n };
  expect(part({ case: 'commandIssued', value })).toEqual({
    id: 'c1',
    verb: 'pause',
    parameters: {},
    issuedBy: 'ada',
    issuedMs: 1000,
    state: 'queued',
  });
});

it('reads what became of it, on the clock of the server', () => {
  const value = { commandId: 'c1', state: CommandState.APPLIED, appliedStep: 0n, values: { lr: '1' } };
  expect(part({ case: 'commandResult', value })).toMatchObject({
    state: 'applied',
    appliedStep: 0,
    values: { lr: '1' },
    settledMs: 1200,
  });
  const refused = { commandId: 'c1', state: CommandState.REJECTED, appliedStep: 0n, message: 'no' };
  expect(part({ case: 'commandResult', value: refused })).toMatchObject({
    state: 'rejected',
    appliedStep: null,
    message: 'no',
  });
});

it('has nothing to say of other records, or of a state it does not know', () => {
  expect(part({ case: 'batchData', value: {} })).toBeNull();
  expect(part({ case: 'commandResult', value: { commandId: 'c1', state: 99 } })).toBeNull();
});
