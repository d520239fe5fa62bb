/** Commands in words: what was asked, how it stands, and who asked. */
import type { Command, CommandState } from './commands';
import { titleOf } from './controls';
import type { Entry } from './entries';
import { formatCount } from './format';
import { own } from './own';
import type { Tone } from './words';

type Titles = ReadonlyMap<string, string>;
const NO_TITLES: Titles = new Map();

function settingWords(name: string, text: string): string {
  const title = titleOf(name);
  if (text === 'follow') return `${title} from the scheduler`;
  if (text === 'undo') return `${title}: undo`;
  return text.startsWith('x') ? `${title} × ${text.slice(1)}` : `${title} ${text}`;
}

/** @param titles of the trainer's own commands, by verb. */
export function whatWords({ verb, parameters }: Command, titles: Titles = NO_TITLES): string {
  const given = Object.entries(parameters);
  if (verb === 'set') return given.map(([name, text]) => settingWords(name, text)).join(', ') || 'Set';
  const title = titles.get(verb) || titleOf(verb);
  return [title, given.map(([name, text]) => `${name} ${text}`).join(', ')].filter(Boolean).join(': ');
}

export interface StateLook {
  word: string;
  tone: Tone;
}

const PENDING = { word: 'Pending', tone: 'busy' } as const;
const LOOKS: Record<CommandState, StateLook> = {
  sending: PENDING,
  queued: PENDING,
  sent: PENDING,
  accepted: PENDING,
  applied: { word: 'Applied', tone: 'good' },
  rejected: { word: 'Refused', tone: 'bad' },
  expired: { word: 'Expired', tone: 'warn' },
  failed: { word: 'Failed', tone: 'bad' },
};

export const stateLook = ({ state, trouble }: Command): StateLook =>
  trouble === '' ? LOOKS[state] : { word: 'Not sent', tone: 'bad' };

const WAITS: Partial<Record<CommandState, string>> = {
  sending: 'on its way to the server',
  queued: 'the server has it, the trainer is not reached yet',
  sent: 'on its way to the trainer',
  accepted: 'the trainer has it, and takes it after this step',
};

/** The values that took effect, where they are not simply the ones that were asked for. */
function tookWords({ parameters, values }: Command): string {
  return Object.entries(values)
    .filter(
      ([name, value]) => own(parameters, name) !== value && Number(own(parameters, name)) !== Number(value),
    )
    .map(([name, value]) => `${titleOf(name).toLowerCase()} is ${value}`)
    .join(', ');
}

function beforeWords({ previous }: Command): string {
  const held = Object.entries(previous).filter(([, value]) => value !== '');
  if (held.length === 1) return `before it was ${held[0]?.[1]}`;
  return held.map(([name, value]) => `${titleOf(name).toLowerCase()} was ${value}`).join(', ');
}

/**
 * When a command took effect, by the count of steps that the whole page has: the step is the first under it. A training that is
 * paused or stopped has not come to that one: the last that it made is the one before.
 */
export function whenWords({ verb, appliedStep }: Pick<Command, 'verb' | 'appliedStep'>): string {
  const first = appliedStep ?? 0;
  if (verb !== 'pause' && verb !== 'stop') return `at step ${formatCount(first)}`;
  return first > 0 ? `after step ${formatCount(first - 1)}` : 'before the first step';
}

/** How it stands, without a full stop. */
export function outcomeWords(command: Command): string {
  const { state, message, ranks, trouble } = command;
  if (trouble !== '') return trouble;
  if (state !== 'applied') return message || (WAITS[state] ?? '');
  // What the trainer says of its own verbs is only that they happened, and by whom: both are there already.
  const own = command.verb === 'set' || ['pause', 'resume', 'stop'].includes(command.verb) ? '' : message;
  const where = ranks.length > 1 ? `on ${ranks.length} ranks` : '';
  return [whenWords(command), where, tookWords(command), beforeWords(command), own]
    .filter(Boolean)
    .join(', ');
}

export const whoWords = ({ issuedBy }: Command): string => issuedBy || 'somebody';

/** One sentence: for a marker on a curve, for the log, and for those who listen. */
export function sentence(command: Command, titles: Titles = NO_TITLES): string {
  const { word } = stateLook(command);
  const outcome = outcomeWords(command).replace(/\.$/, '');
  const glue = outcome === '' ? '' : command.state === 'applied' ? ' ' : ', ';
  return `${whatWords(command, titles)}, by ${whoWords(command)}: ${word.toLowerCase()}${glue}${outcome}`;
}

const LEVELS: Partial<Record<CommandState, Entry['level']>> = {
  rejected: 'warning',
  expired: 'warning',
  failed: 'error',
};

export function commandEntry(command: Command): Entry {
  return {
    key: `k${command.id}-${command.state}`,
    timeMs: command.settledMs ?? command.issuedMs,
    kind: 'command',
    level: LEVELS[command.state] ?? 'info',
    text: sentence(command),
    // The sentence says it.
    step: null,
  };
}
