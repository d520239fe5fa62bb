/**
 * When to connect, to wait and to give up: a pure state machine. Events go in, the next state and what to do come out;
 * no socket, timer or clock in here.
 */

export type LinkPhase = 'connecting' | 'live' | 'waiting' | 'closed';

export interface Link {
  readonly phase: LinkPhase;
  /** Attempts since it was last live. */
  readonly attempt: number;
  /** Was live once: a loss is then a loss, not a first try that failed. */
  readonly everLive: boolean;
  /** Why it is closed for good or lost, in a sentence. */
  readonly reason: string;
}

export type LinkEvent =
  | { type: 'start' }
  | { type: 'ready' } // the first message came: the server answers
  | { type: 'lost'; code: number; reason: string }
  | { type: 'silent' } // nothing came for too long
  | { type: 'due' } // the wait is over
  | { type: 'wake' } // the machine is online again, or the page in view
  | { type: 'stop' };

export type LinkAction = { do: 'connect' } | { do: 'wait'; ms: number } | { do: 'close' };

export const CLOSE = { again: 4000, notAllowed: 4001, noSuchRun: 4004, restarting: 1012 } as const;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 2000;
/** After so many tries, some ten seconds, a restart is none. */
const PATIENT_TRIES = 12;

export const initialLink: Link = { phase: 'connecting', attempt: 0, everLive: false, reason: '' };

const fatal: Readonly<Record<number, string>> = {
  [CLOSE.noSuchRun]: 'The server knows no such run.',
  [CLOSE.notAllowed]: 'You are not allowed to see this run.',
};

/** Full jitter: many pages that lost one server do not come back in step. `random` is in [0, 1). */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return Math.round(ceiling * random);
}

function lossReason(code: number, reason: string): string {
  if (code === CLOSE.restarting) return 'The server is restarting.';
  if (code === CLOSE.again) return reason || 'The server asked this page to come again.';
  return 'The connection to the server was lost.';
}

export function step(link: Link, event: LinkEvent, random: number): [Link, LinkAction[]] {
  if (link.phase === 'closed' && event.type !== 'start') return [link, []];
  switch (event.type) {
    case 'start':
      return [initialLink, [{ do: 'connect' }]];
    case 'ready':
      return [{ phase: 'live', attempt: 0, everLive: true, reason: '' }, []];
    case 'lost': {
      const end = fatal[event.code];
      if (end !== undefined) return [{ ...link, phase: 'closed', reason: end }, [{ do: 'close' }]];
      if (link.attempt >= PATIENT_TRIES) return wait(link, 'The server has not come back yet.', random);
      // A try that fails says nothing new: why it was lost in the first place stands.
      return wait(link, link.attempt > 0 ? link.reason : lossReason(event.code, event.reason), random);
    }
    case 'silent':
      if (link.phase !== 'live' && link.phase !== 'connecting') return [link, []];
      return wait(link, 'The server does not answer.', random);
    case 'due':
    case 'wake':
      if (link.phase !== 'waiting') return [link, []];
      return [{ ...link, phase: 'connecting' }, [{ do: 'connect' }]];
    case 'stop':
      return [{ ...link, phase: 'closed', reason: '' }, [{ do: 'close' }]];
  }
}

function wait(link: Link, reason: string, random: number): [Link, LinkAction[]] {
  const ms = backoffMs(link.attempt, random);
  const next: Link = { ...link, phase: 'waiting', attempt: link.attempt + 1, reason };
  return [next, [{ do: 'close' }, { do: 'wait', ms }]];
}
