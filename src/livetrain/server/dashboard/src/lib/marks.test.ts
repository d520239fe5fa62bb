import { expect, it } from 'vitest';
import { learn, type CommandPart } from './commands';
import { flagsOf, marksOf } from './marks';

const applied = (id: string, verb: string, step: number, names: string[] = []): CommandPart => ({
  id,
  verb,
  parameters: Object.fromEntries(names.map((name) => [name, '1'])),
  issuedBy: 'ada',
  issuedMs: 1000 - step,
  state: 'applied',
  appliedStep: step,
});

it('marks what took effect, by step, with who and what', () => {
  const book = learn(new Map(), [
    applied('a', 'set', 30, ['learning_rate']),
    applied('b', 'pause', 10),
    applied('c', 'sample_now', 20),
    applied('d', 'set', 40, ['batch_size']),
    { id: 'e', verb: 'stop', issuedMs: 5, state: 'rejected' },
  ]);
  const marks = marksOf(book, new Map([['sample_now', 'Draw']]));
  expect(marks.map(({ step, sign }) => [step, sign])).toEqual([
    [10, '❚❚'],
    [20, '●'],
    [30, 'LR'],
    [40, 'BS'],
  ]);
  expect(marks[0]?.text).toBe('Pause, by ada: applied after step 9');
  expect(marks[1]?.text).toContain('Draw');
});

const at = (id: string, x: number) => ({ mark: { id, step: 0, sign: 'LR', text: id }, x });

it('lets flags that would lie on each other share one', () => {
  const flags = flagsOf([at('a', 0), at('b', 19), at('c', 20)], 20, 500);
  expect(flags).toEqual([
    { key: 'a', x: 0, sign: '2', texts: ['a', 'b'], marks: ['a', 'b'], side: 'right' },
    { key: 'c', x: 20, sign: 'LR', texts: ['c'], marks: ['c'], side: 'right' },
  ]);
});

it('turns the last flag inwards, and gives it room', () => {
  const flags = flagsOf([at('a', 440), at('b', 482), at('c', 499)], 20, 500);
  expect(flags.map(({ key, side }) => [key, side])).toEqual([
    ['a', 'right'],
    ['b', 'left'],
  ]);
  expect(flagsOf([at('a', 460), at('b', 499)], 20, 500)).toHaveLength(1);
});
