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

async function ask(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(path, {
    ...init,
    cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) return response.json();
  const answer: unknown = await response.json().catch(() => null);
  throw new HttpError(response.status, path, reasonOf(answer));
}

export const getJson = (path: string): Promise<unknown> =>
  ask(path, { headers: { accept: 'application/json' } });

export const postJson = (path: string, body: object): Promise<unknown> =>
  ask(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
