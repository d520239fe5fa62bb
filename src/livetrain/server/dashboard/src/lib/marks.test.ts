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
  expect(marks[0]?.text).toBe('Pause, by ada: applied at step 10');
  expect(marks[1]?.text).toContain('Draw');
});

it('lets flags that would lie on each other share one', () => {
  const mark = (id: string) => ({ id, step: 0, sign: 'LR', text: id });
  const flags = flagsOf(
    [
      { mark: mark('a'), x: 0 },
      { mark: mark('b'), x: 19 },
      { mark: mark('c'), x: 20 },
    ],
    20,
  );
  expect(flags).toEqual([
    { key: 'a', x: 0, sign: '2', texts: ['a', 'b'] },
    { key: 'c', x: 20, sign: 'LR', texts: ['c'] },
  ]);
});
