/** What the control panel may do now, and what it says of values and of those who set them. */
import { whoWords } from './command-words';
import { isFinal, type Command } from './commands';
import type { Parameter } from './controls';
import { formatCount } from './format';
import { own } from './own';
import { isOver } from './words';

interface Standing {
  /** The page has its connection to the server. */
  connected: boolean;
  status: string;
  contact: string;
  /** With rank 0, where there are several; empty: there are not. */
  leader?: string;
}

const NAMED = 3;
const LATELY_MS = 10 * 60_000;

const OVER: Record<string, string> = {
  finished: 'The run has finished: there is nothing left to steer.',
  failed: 'The run has failed: there is nothing left to steer.',
  interrupted: 'The run was interrupted: there is nothing left to steer.',
};

/** Why nothing can be done now; empty: it can. */
export function blocked({ connected, status, contact, leader = '' }: Standing): string {
  if (isOver(status)) return own(OVER, status) ?? '';
  if (!connected) return 'This page has no connection to the server: a command would not arrive.';
  if (contact === 'lost') return 'There is no contact with the trainer: a command would not arrive.';
  if (leader === 'lost')
    return 'There is no contact with rank 0, which takes the commands: they would not arrive.';
  if (contact === 'ended') return 'The trainer has gone: there is nothing left to steer.';
  return '';
}

/** Seconds that a command may wait: a training of slow steps comes to it late, and it should live until then. */
export const lifetimeSeconds = (batchMs: number): number =>
  Math.min(86_400, Math.max(60, Math.ceil((batchMs * 3) / 1000)));

/** The one of these verbs that is under way; the newest first in `commands`. */
export const underWay = (commands: readonly Command[], verbs: readonly string[]): Command | undefined =>
  commands.find((command) => verbs.includes(command.verb) && !isFinal(command) && command.trouble === '');

/** The command that this setting has its value from. */
export function lastWriter(commands: readonly Command[], name: string): Command | undefined {
  let last: Command | undefined;
  for (const command of commands) {
    if (command.verb !== 'set' || command.state !== 'applied' || !Object.hasOwn(command.values, name))
      continue;
    if (last === undefined || (command.appliedStep ?? 0) > (last.appliedStep ?? 0)) last = command;
  }
  return last;
}

/** Does the value stay as it was set, whatever a scheduler does? */
const holds = (text: string | undefined): boolean =>
  text !== undefined && text !== '' && !isNaN(Number(text));

/**
 * A setting's value now, as text; empty: not known.
 *
 * @param point the newest that the trainer logged of it.
 */
export function currentValue(
  { name, default: start }: Parameter,
  writer: Command | undefined,
  point: { step: number; value: number } | null,
): string {
  const logged = point === null ? '' : String(Number(point.value.toPrecision(6)));
  if (writer === undefined) return logged || start;
  const newer = point !== null && point.step > (writer.appliedStep ?? 0);
  return newer && !holds(own(writer.parameters, name)) ? logged : (own(writer.values, name) ?? '');
}

/** Where a setting's value comes from: "set by ada at step 120". */
export function originWords(writer: Command | undefined, name: string): string {
  if (writer === undefined) return '';
  const by = `by ${whoWords(writer)} at step ${formatCount(writer.appliedStep ?? 0)}`;
  const asked = own(writer.parameters, name) ?? '';
  if (asked === 'follow') return `given back to the scheduler ${by}`;
  if (asked === 'undo') return `set back ${by}`;
  return asked.startsWith('x') ? `scaled ${by}` : `set ${by}`;
}

/** What to tell someone whose form was open while the value was changed; empty: nothing happened. */
export function movedOn(writer: Command | undefined, seenId: string | undefined, name: string): string {
  if (writer === undefined || writer.id === seenId) return '';
  const step = formatCount(writer.appliedStep ?? 0);
  return `The run moved on: ${whoWords(writer)} made it ${own(writer.values, name) ?? ''} at step ${step}.`;
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;

/** How many watch and, of those who said it, who: each page counts as one. */
export function watchWords(viewers: number, names: readonly string[] = [], me = ''): string {
  if (viewers <= 1) return 'Only you watch';
  const others = [...names];
  if (others.includes(me)) others.splice(others.indexOf(me), 1);
  const named = others.slice(0, NAMED);
  const rest = viewers - 1 - named.length;
  const who = ['you', ...named, ...(rest > 0 && named.length > 0 ? [`${formatCount(rest)} more`] : [])];
  const count = `${formatCount(viewers)} people watch`;
  return named.length === 0 ? count : `${count}: ${listed(who)}`;
}

/** Who gave commands of late, the newest first; empty: nobody. */
export function steerWords(commands: readonly Command[], nowMs: number, me = ''): string {
  const late = commands.filter(({ issuedMs }) => nowMs - issuedMs < LATELY_MS);
  const who = [...new Set(late.map((command) => (whoWords(command) === me ? 'you' : whoWords(command))))];
  if (who.length === 0) return '';
  const verb = who.length === 1 && who[0] !== 'you' ? 'steers' : 'steer';
  return `${listed(who.slice(0, NAMED))} ${verb}`.replace(/^you/, 'You');
}
