/** The one place that fetches. */

export class HttpError extends Error {
  /** @param reason what the server said of it; empty: nothing that can be read. */
  constructor(
    readonly status: number,
    readonly path: string,
    readonly reason = '',
  ) {
    super(reason || `${path} answered ${status}`);
  }
}

const TIMEOUT_MS = 8000;
/** A `Date` header counts whole seconds, and an answer takes its time: below that the clocks count as equal. */
const NOTICEABLE_MS = 2000;
let aheadMs = 0;

/** How far the server's clock is ahead of ours by its last answer, milliseconds. */
export const clockAheadMs = (): number => aheadMs;

/**
 * How far the server's clock is ahead of ours.
 *
 * @param date the answer's header; null: there is none.
 */
export function clockAhead(date: string | null, nowMs: number): number {
  const ahead = date === null ? Number.NaN : Date.parse(date) + 500 - nowMs;
  return Math.abs(ahead) > NOTICEABLE_MS ? ahead : 0;
}

interface Problem {
  loc?: unknown[];
  msg?: string;
}

/** The server's `detail` as a sentence: its own, or the list of what is wrong with a request. */
export function reasonOf(answer: unknown): string {
  const detail = (answer as { detail?: unknown } | null)?.detail;
  if (typeof detail === 'string') return detail;
  if (!Array.isArray(detail)) return '';
  return (detail as Problem[])
    .map(({ loc, msg }) => [loc?.slice(1).join('.'), msg].filter(Boolean).join(': '))
    .join('; ');
}

async function ask(path: string, init: RequestInit, given?: AbortSignal): Promise<unknown> {
  const response = await fetch(path, {
    ...init,
    cache: 'no-store',
    signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(given ? [given] : [])]),
  });
  aheadMs = clockAhead(response.headers.get('date'), Date.now());
  if (response.ok) return response.json();
  const answer: unknown = await response.json().catch(() => null);
  throw new HttpError(response.status, path, reasonOf(answer));
}

/** @param signal gives the question up. */
export const getJson = (path: string, signal?: AbortSignal): Promise<unknown> =>
  ask(path, { headers: { accept: 'application/json' } }, signal);

export const postJson = (path: string, body: object): Promise<unknown> =>
  ask(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
