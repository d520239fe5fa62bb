import { expect, it } from 'vitest';
import { learn, newestFirst, type Command, type CommandPart } from './commands';
import type { Parameter } from './controls';
import {
  blocked,
  currentValue,
  lastWriter,
  lifetimeSeconds,
  movedOn,
  originWords,
  steerWords,
  underWay,
  watchWords,
} from './steering';

const rate: Parameter = {
  name: 'learning_rate',
  kind: 'float',
  minimum: 0,
  maximum: 10,
  default: '0.002',
  choices: [],
};
const set = (id: string, asked: string, step: number, value: string, by = 'ada'): CommandPart => ({
  id,
  verb: 'set',
  parameters: { learning_rate: asked },
  values: { learning_rate: value },
  issuedBy: by,
  issuedMs: step,
  state: 'applied',
  appliedStep: step,
});
const list = (...parts: CommandPart[]): Command[] => newestFirst(learn(new Map(), parts));

it('says why nothing can be done', () => {
  const fine = { connected: true, status: 'running', contact: 'alive' };
  expect(blocked(fine)).toBe('');
  expect(blocked({ ...fine, contact: 'stale' })).toBe('');
  expect(blocked({ ...fine, contact: 'lost' })).toContain('no contact');
  expect(blocked({ ...fine, connected: false })).toContain('no connection');
  expect(blocked({ connected: false, status: 'finished', contact: 'ended' })).toContain('finished');
});

it('lets a command live as long as slow steps need', () => {
  expect(lifetimeSeconds(0)).toBe(60);
  expect(lifetimeSeconds(100_000)).toBe(300);
});

it('finds what is under way', () => {
  const pause: CommandPart = { id: 'p', verb: 'pause', issuedMs: 1, state: 'sent' };
  expect(underWay(list(pause), ['pause', 'resume'])?.id).toBe('p');
  expect(underWay(list(pause), ['stop'])).toBeUndefined();
  expect(underWay(list({ ...pause, state: 'applied' }), ['pause'])).toBeUndefined();
  expect(underWay(list({ ...pause, state: 'sending', trouble: 'no' }), ['pause'])).toBeUndefined();
});

it('knows the last writer by the step, and what he did', () => {
  const both = list(set('b', '0.01', 20, '0.01', 'bob'), set('a', '0.001', 120, '0.001'));
  const writer = lastWriter(both, 'learning_rate');
  expect(writer?.id).toBe('a');
  expect(originWords(writer, 'learning_rate')).toBe('set by ada at step 120');
  expect(lastWriter(both, 'batch_size')).toBeUndefined();
  const one = (asked: string) => originWords(list(set('a', asked, 5, '1'))[0], 'learning_rate');
  expect([one('follow'), one('undo'), one('x2')]).toEqual([
    'given back to the scheduler by ada at step 5',
    'set back by ada at step 5',
    'scaled by ada at step 5',
  ]);
});

it('shows the value that is in force', () => {
  expect(currentValue(rate, undefined, null)).toBe('0.002');
  expect(currentValue(rate, undefined, { step: 9, value: 0.00150000001 })).toBe('0.0015');
  const [held] = list(set('a', '0.001', 120, '0.001'));
  expect(currentValue(rate, held, { step: 500, value: 0.0015 })).toBe('0.001');
  const [followed] = list(set('a', 'follow', 120, '0.0018'));
  expect(currentValue(rate, followed, { step: 100, value: 0.0015 })).toBe('0.0018');
  expect(currentValue(rate, followed, { step: 130, value: 0.0015 })).toBe('0.0015');
});

it('tells whose form was open that the run moved on', () => {
  const [bob] = list(set('b', '0.01', 130, '0.01', 'bob'));
  expect(movedOn(bob, undefined, 'learning_rate')).toBe('The run moved on: bob made it 0.01 at step 130.');
  expect(movedOn(bob, 'b', 'learning_rate')).toBe('');
  expect(movedOn(undefined, undefined, 'learning_rate')).toBe('');
});

it('counts who watches', () => {
  expect([watchWords(1), watchWords(3)]).toEqual(['Only you watch', '3 people watch']);
  expect(watchWords(2, ['ada', 'bob'], 'ada')).toBe('2 people watch: you and bob');
  expect(watchWords(4, ['ada', 'ada', 'bob'], 'ada')).toBe('4 people watch: you, ada, bob and 1 more');
  expect(watchWords(3, ['ada'], 'ada')).toBe('3 people watch');
});

it('says who steers, of late', () => {
  const [bob] = list({ ...set('b', '0.01', 130, '0.01', 'bob'), issuedMs: 1_000_000 });
  const [ada] = list({ ...set('a', '0.01', 140, '0.01', 'ada'), issuedMs: 1_100_000 });
  if (ada === undefined || bob === undefined) throw new Error('they were learnt');
  expect(steerWords([ada, bob], 1_200_000, 'eve')).toBe('ada and bob steer');
  expect(steerWords([ada, bob], 1_200_000, 'ada')).toBe('You and bob steer');
  expect(steerWords([bob], 1_200_000, 'eve')).toBe('bob steers');
  expect(steerWords([bob], 1_200_000, 'bob')).toBe('You steer');
  expect(steerWords([bob], 9_000_000, 'eve')).toBe('');
});

it('needs rank 0, where there are several', () => {
  const fine = { connected: true, status: 'running', contact: 'alive' };
  expect(blocked({ ...fine, leader: 'alive' })).toBe('');
  expect(blocked({ ...fine, leader: 'lost' })).toContain('rank 0');
});
