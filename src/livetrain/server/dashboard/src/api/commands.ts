/** Commands given to the server and asked for, read with care. */
import type { CommandPart, CommandState } from '../lib/commands';
import { getJson, postJson } from './http';
import { timeMs } from './runs';

const STATES: readonly string[] = [
  'queued',
  'sent',
  'accepted',
  'applied',
  'rejected',
  'expired',
  'failed',
] satisfies CommandState[];

export interface Order {
  id: string;
  verb: string;
  parameters: Readonly<Record<string, string>>;
  /** Empty: the server says where it came from. */
  issuedBy: string;
  lifetimeSeconds: number;
  /** The newest command that set this value, as far as this page knows; '' none; absent: it does not matter. */
  seen?: string;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function texts(value: unknown): Record<string, string> {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, given]) => [name, text(given)]))
    : {};
}

/** null: it is none that can be read. */
export function readCommand(row: unknown): CommandPart | null {
  if (!isObject(row) || text(row.command_id) === '' || !STATES.includes(text(row.state))) return null;
  return {
    id: text(row.command_id),
    verb: text(row.verb),
    parameters: texts(row.parameters),
    issuedBy: text(row.issued_by),
    issuedMs: timeMs(row.issued_at) ?? 0,
    state: row.state as CommandState,
    message: text(row.message),
    appliedStep: typeof row.applied_step === 'number' ? row.applied_step : null,
    values: texts(row.values),
    previous: texts(row.previous),
    ranks: Array.isArray(row.ranks) ? row.ranks.filter((rank) => typeof rank === 'number') : [],
  };
}

const path = (runId: string): string => `/api/runs/${encodeURIComponent(runId)}/commands`;

/** Oldest first. */
export async function listCommands(runId: string): Promise<CommandPart[]> {
  const answer = await getJson(`${path(runId)}?limit=500`);
  if (!isObject(answer) || !Array.isArray(answer.commands)) throw new Error('the commands are not readable');
  return answer.commands.flatMap((row) => readCommand(row) ?? []).reverse();
}

/** The same id again is the same command, so that this can be tried again. */
export async function postCommand(runId: string, order: Order): Promise<CommandPart> {
  const answer = await postJson(path(runId), {
    verb: order.verb,
    parameters: order.parameters,
    issued_by: order.issuedBy,
    ttl_seconds: order.lifetimeSeconds,
    command_id: order.id,
    ...(order.seen === undefined ? {} : { seen: order.seen }),
  });
  const command = readCommand(answer);
  if (command === null) throw new Error('the server’s answer is not readable');
  return command;
}
