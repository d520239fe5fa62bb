/** Gives commands: to the page at once, to the server as often as it takes, always under the same id. */
import { listCommands, postCommand, type Order } from '../api/commands';
import { HttpError } from '../api/http';
import { lastSet, type CommandState } from '../lib/commands';
import { lifetimeSeconds } from '../lib/steering';
import type { RunSession } from '../session/run-session';
import { usePrefs } from '../store/prefs-store';

const AGAIN_AFTER_MS = [400, 1500];

/** Not randomUUID: a page that comes over plain HTTP from another machine has none. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** An answer that says no stays a no; anything else may go better the next time. */
const worthAgain = (error: unknown): boolean =>
  !(error instanceof HttpError) || error.status >= 500 || error.status === 429;

function troubleWords(error: unknown): string {
  if (error instanceof HttpError) return error.reason || `The server did not take it (${error.status}).`;
  return 'The server cannot be reached. Sending it again is safe: it is the same command.';
}

/** Values are sent one after the other: each says which of those before it was known. */
let line: Promise<void> = Promise.resolve();

function send(session: RunSession, order: Order): void {
  const name = order.verb === 'set' ? Object.keys(order.parameters)[0] : undefined;
  if (name === undefined) return void deliver(session, order);
  line = line.then(() =>
    deliver(session, { ...order, seen: lastSet(session.store.getState().commands, name) }),
  );
}

async function deliver(session: RunSession, order: Order): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return session.learn([await postCommand(session.runId, order)], true);
    } catch (error) {
      const wait = AGAIN_AFTER_MS[attempt];
      if (wait === undefined || !worthAgain(error)) {
        return session.learn([{ id: order.id, state: 'sending', trouble: troubleWords(error) }], true);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Give a command; returns its id at once. What becomes of it is in the session's store. */
export function give(
  session: RunSession,
  verb: string,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const name = usePrefs.getState().name ?? '';
  const { performance } = session.store.getState();
  const order = {
    id: newId(),
    verb,
    parameters,
    issuedBy: name,
    lifetimeSeconds: lifetimeSeconds(performance?.batchMs ?? 0),
  };
  const state: CommandState = 'sending';
  session.learn([{ ...order, issuedBy: name || 'somebody', issuedMs: Date.now(), state }], true);
  send(session, order);
  return order.id;
}

/** Send once more what did not get through. */
export function giveAgain(session: RunSession, id: string): void {
  const command = session.store.getState().commands.get(id);
  if (command === undefined) return;
  session.learn([{ id, state: 'sending', trouble: '' }], true);
  const { verb, parameters } = command;
  const issuedBy = usePrefs.getState().name ?? '';
  send(session, { id, verb, parameters, issuedBy, lifetimeSeconds: lifetimeSeconds(0) });
}

/** What was given before this page was there, further back than its snapshot reaches. */
export async function learnHistory(session: RunSession): Promise<void> {
  const known = await listCommands(session.runId).catch(() => []);
  session.learn(known, false);
}
