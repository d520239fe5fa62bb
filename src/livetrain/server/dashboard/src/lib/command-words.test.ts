import { expect, it } from 'vitest';
import { commandEntry, outcomeWords, sentence, stateLook, whatWords, whenWords } from './command-words';
import { learn, type Command, type CommandPart } from './commands';

const command = (part: Partial<CommandPart>): Command => {
  const whole = { id: 'c', verb: 'set', issuedBy: 'ada', issuedMs: 5, state: 'queued' as const, ...part };
  const known = learn(new Map(), [whole]).get('c');
  if (known === undefined) throw new Error('it was learnt');
  return known;
};
const rate = (learning_rate: string) => command({ parameters: { learning_rate } });

it('says what was asked', () => {
  expect(whatWords(rate('0.001'))).toBe('Learning rate 0.001');
  expect(whatWords(rate('x0.5'))).toBe('Learning rate × 0.5');
  expect(whatWords(rate('follow'))).toBe('Learning rate from the scheduler');
  expect(whatWords(rate('undo'))).toBe('Learning rate: undo');
  expect(whatWords(command({ verb: 'pause' }))).toBe('Pause');
  const sample = command({ verb: 'sample_now', parameters: { count: '4' } });
  expect(whatWords(sample)).toBe('Sample now: count 4');
  expect(whatWords(sample, new Map([['sample_now', 'Draw samples']]))).toBe('Draw samples: count 4');
});

it('says how it stands', () => {
  expect(outcomeWords(command({ state: 'accepted' }))).toContain('after this step');
  expect(outcomeWords(command({ state: 'rejected', message: 'no number' }))).toBe('no number');
  const halved = { state: 'applied', appliedStep: 1200, values: { learning_rate: '0.0005' } } as const;
  expect(outcomeWords(command({ ...halved, parameters: { learning_rate: 'x0.5' } }))).toBe(
    'at step 1,200, learning rate is 0.0005',
  );
  expect(outcomeWords(command({ ...halved, parameters: { learning_rate: '5e-4' } }))).toBe('at step 1,200');
  expect(outcomeWords(command({ ...halved, values: {}, ranks: [0, 1] }))).toBe('at step 1,200, on 2 ranks');
  const was = { previous: { learning_rate: '0.1' }, parameters: { learning_rate: '0.0005' } };
  expect(outcomeWords(command({ ...halved, ...was }))).toBe('at step 1,200, before it was 0.1');
  const two = { previous: { learning_rate: '0.1', batch_size: '32' }, values: {} };
  expect(outcomeWords(command({ ...halved, ...two }))).toBe(
    'at step 1,200, learning rate was 0.1, batch size was 32',
  );
  const own = { verb: 'sample_now', state: 'applied', appliedStep: 3, message: '4 samples' } as const;
  expect(outcomeWords(command(own))).toBe('at step 3, 4 samples');
  const unsent = command({ state: 'sending', trouble: 'no connection' });
  expect([stateLook(unsent).word, outcomeWords(unsent)]).toEqual(['Not sent', 'no connection']);
});

it('is one sentence, in the log with its own weight', () => {
  const refused = command({ verb: 'pause', state: 'rejected', message: 'The run has ended.', settledMs: 9 });
  expect(sentence(refused)).toBe('Pause, by ada: refused, The run has ended');
  expect(commandEntry(refused)).toMatchObject({ level: 'warning', timeMs: 9, step: null });
});

it('counts steps as the page does: a pause comes after the last one that was made', () => {
  expect(whenWords({ verb: 'pause', appliedStep: 130 })).toBe('after step 129');
  expect(whenWords({ verb: 'stop', appliedStep: 0 })).toBe('before the first step');
  expect(whenWords({ verb: 'resume', appliedStep: 130 })).toBe('at step 130');
  expect(whenWords({ verb: 'set', appliedStep: 1200 })).toBe('at step 1,200');
});
