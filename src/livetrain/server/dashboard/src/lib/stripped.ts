/** Images that the trainer left out, by reason, sixteen of which are a frame; and records. */
import { StripReason, type ClientReport, type TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';
import { TILES } from './tiles-of';

/** How many, by reason. */
export type Counts = ReadonlyMap<string, number>;

export const STRIP_WORDS: Readonly<Record<string, string>> = {
  superseded: 'a newer frame came first',
  rate: 'over the rate limit (max_fps)',
  budget: 'over the overhead budget (max_overhead)',
  unwatched: 'nobody was watching',
  offline: 'no connection to the server',
  reconnect: 'sent again after a reconnect, without images',
  oversize: 'too large for the server',
  unreadable: 'not a readable image',
};

/** The reason's short name, or null: nothing was left out of this record. */
export function strippedReason(record: TelemetryRequest): string | null {
  if (record.stripReason === StripReason.NONE) return null;
  // A newer trainer may know more reasons than we do.
  const name = StripReason[record.stripReason] as string | undefined;
  return name?.toLowerCase() ?? 'other';
}

/** In whole frames; pictures that had not changed are in view and count as nothing lost. */
export function framesLeftOut(images: Counts): Counts {
  const rows = [...images].filter(([reason, n]) => reason !== 'unchanged' && n > 0);
  return new Map(rows.map(([reason, n]) => [reason, Math.ceil(n / TILES)]));
}

export const DROP_WORDS: Readonly<Record<string, string>> = {
  thinned: 'no room to keep them while the server was away',
  outbox_full: 'logged faster than they could be written down',
  oversize: 'too large for the server',
  rejected: 'refused by the server',
  step_too_large: 'at a step that is larger than the server takes',
  too_many_metrics: 'of more metric names than a run may have',
  unwritable: 'not a record that can be written',
  older_server: 'the server is too old to know them',
  internal_error: 'an error of livetrain’s own',
};

/** The trainer's own totals, by reason: of images (`stripped`) or of records (`dropped`). */
export function totalsOf(report: ClientReport | undefined, what: 'stripped' | 'dropped'): Counts {
  const totals = new Map<string, number>();
  for (const [name, value] of Object.entries(report?.counters ?? {})) {
    if (name.startsWith(`${what}.`)) totals.set(name.slice(what.length + 1), Number(value));
  }
  return totals;
}
