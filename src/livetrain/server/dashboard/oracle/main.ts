/**
 * Opens pages of runs and says what they hold: a line of JSON for each line of JSON.
 *
 * `{"do":"open","run":R}` opens the page of a run. `{"do":"read","run":R}` opens another one, waits until both know all that the
 * server knows, says what each holds (`"kept"` of the first, null if there was none; `"loaded"`), and closes them.
 */
import { createInterface } from 'node:readline';
import { Page, type Held } from './page';

const LOOK_MS = 4;
const PATIENCE_MS = 30_000;
const [address = ''] = process.argv.slice(2);

// What a worker in a browser has.
Object.assign(globalThis, { self: globalThis });
const plainFetch = globalThis.fetch;
globalThis.fetch = (path, init) => plainFetch(`${address}${path as string}`, init);

const pages = new Map<string, Page>();

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`${what} within ${PATIENCE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function read(run: string): Promise<{ kept: Held | null; loaded: Held }> {
  const kept = pages.get(run);
  const loaded = new Page(address, run);
  try {
    await until(() => loaded.turn(), 'a page that was opened did not come to know all');
    await until(
      () => kept === undefined || (kept.offset >= loaded.offset && kept.turn()),
      'the page that was open all the time did not come to know all',
    );
    return { kept: kept?.read() ?? null, loaded: loaded.read() };
  } finally {
    pages.delete(run);
    for (const page of [kept, loaded]) page?.close();
  }
}

async function answer(line: string): Promise<object> {
  const { do: verb, run } = JSON.parse(line) as { do: string; run: string };
  if (verb === 'read') return read(run);
  if (!pages.has(run)) pages.set(run, new Page(address, run));
  return {};
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(line).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
process.exit();
