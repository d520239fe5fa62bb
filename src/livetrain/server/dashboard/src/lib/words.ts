/** How a run stands, in words: a status is what the trainer said, contact is what we hear of it. */

import { own } from './own';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'calm';

export interface Standing {
  word: string;
  tone: Tone;
  /** A sentence for when the word is not enough; empty else. */
  explanation: string;
}

const STATUS: Record<string, [string, Tone]> = {
  initializing: ['Starting', 'busy'],
  running: ['Running', 'good'],
  paused: ['Paused', 'warn'],
  finished: ['Finished', 'calm'],
  failed: ['Failed', 'bad'],
  interrupted: ['Interrupted', 'warn'],
};

const OVER = new Set(['finished', 'failed', 'interrupted']);

export const isOver = (status: string): boolean => OVER.has(status);

/** Silence is never called a crash: only the trainer says that it failed. */
export function standing(status: string, contact: string, silentFor: string, message: string): Standing {
  const [word, tone] = own(STATUS, status) ?? [status === '' ? 'Unknown' : status, 'calm'];
  if (isOver(status)) return { word, tone, explanation: message };
  if (contact === 'stale') {
    return { word: 'Stale', tone: 'warn', explanation: `No word from the trainer for ${silentFor}.` };
  }
  if (contact === 'lost') {
    const explanation = `No word from the trainer for ${silentFor}. It may well be training on: what it logs is kept on its disk and comes when contact returns.`;
    return { word: 'Lost contact', tone: 'bad', explanation };
  }
  return {
    word,
    tone,
    explanation: status === 'paused' ? message || 'The training waits at a step boundary.' : '',
  };
}
