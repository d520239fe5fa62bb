/** From a durable record to what it says of a command. */
import { CommandState as Wire, type TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';
import type { CommandPart, CommandState } from './commands';

const STATES: Partial<Record<Wire, CommandState>> = {
  [Wire.QUEUED]: 'queued',
  [Wire.SENT]: 'sent',
  [Wire.ACCEPTED]: 'accepted',
  [Wire.APPLIED]: 'applied',
  [Wire.REJECTED]: 'rejected',
  [Wire.EXPIRED]: 'expired',
  [Wire.COMMAND_FAILED]: 'failed',
};

/** null: the record is not about a command. */
export function commandPartOf(record: TelemetryRequest, receivedMs: number): CommandPart | null {
  const { payload } = record;
  if (payload.case === 'commandIssued') {
    const { commandId, verb, parameters, issuedBy, issuedMs } = payload.value;
    return { id: commandId, verb, parameters, issuedBy, issuedMs: Number(issuedMs), state: 'queued' };
  }
  if (payload.case !== 'commandResult') return null;
  const { commandId, state, message, appliedStep, values, previous, ranks } = payload.value;
  const known = STATES[state];
  if (known === undefined) return null;
  return {
    id: commandId,
    state: known,
    message,
    appliedStep: known === 'applied' ? Number(appliedStep) : null,
    values,
    previous,
    ranks,
    settledMs: receivedMs || Number(record.timestampMs),
  };
}
