import { expect, it } from 'vitest';
import { lastSet, learn, newestFirst, newlyFinal, type CommandBook, type CommandPart } from './commands';

const NONE: CommandBook = new Map();
const issued: CommandPart = {
  id: 'c1',
  verb: 'set',
  parameters: { learning_rate: '0.001' },
  issuedBy: 'ada',
  issuedMs: 1000,
  state: 'queued',
};
const accepted: CommandPart = { id: 'c1', state: 'accepted' };
const applied: CommandPart = {
  id: 'c1',
  state: 'applied',
  appliedStep: 120,
  values: { learning_rate: '0.001' },
  ranks: [0],
  settledMs: 1200,
};

const orders = <T>(list: readonly T[]): T[][] =>
  list.length < 2
    ? [[...list]]
    : list.flatMap((one, i) => orders(list.filter((_, k) => k !== i)).map((rest) => [one, ...rest]));

it('knows the same, in whatever order and however often it is told', () => {
  const sending: CommandPart = { ...issued, state: 'sending' };
  for (const order of orders([sending, issued, accepted, applied, applied])) {
    expect(learn(NONE, order).get('c1')).toMatchObject({
      verb: 'set',
      issuedBy: 'ada',
      state: 'applied',
      appliedStep: 120,
      values: { learning_rate: '0.001' },
      ranks: [0],
      settledMs: 1200,
    });
  }
});

it('keeps an end, but believes a trainer that applied what was given up', () => {
  const refused: CommandPart = { id: 'c1', state: 'rejected', message: 'no' };
  expect(learn(NONE, [issued, refused, applied]).get('c1')?.state).toBe('rejected');
  const expired: CommandPart = { id: 'c1', state: 'expired', message: 'never answered' };
  expect(learn(NONE, [issued, expired, applied]).get('c1')).toMatchObject({ state: 'applied', message: '' });
  expect(learn(NONE, [issued, applied, expired]).get('c1')?.state).toBe('applied');
});

it('believes that one rank failed, whoever speaks first', () => {
  const failed: CommandPart = { id: 'c1', state: 'failed', message: 'rank 1: no memory', ranks: [1] };
  for (const order of orders([issued, applied, failed])) {
    expect(learn(NONE, order).get('c1')).toMatchObject({
      state: 'failed',
      message: 'rank 1: no memory',
      appliedStep: 120,
      ranks: [0],
    });
  }
});

it('says that one waits once the trainer took it', () => {
  const pending: CommandPart = { id: 'c1', state: 'accepted', message: 'pending until the next epoch' };
  for (const order of orders([issued, accepted, pending])) {
    expect(learn(NONE, order).get('c1')?.message).toBe('pending until the next epoch');
  }
  expect(learn(NONE, [issued, pending, applied]).get('c1')).toMatchObject({ state: 'applied', message: '' });
});

it('knows which command set a value last, or may still', () => {
  const set = (id: string, issuedMs: number, state: CommandPart['state'], name = 'learning_rate') =>
    ({ ...issued, id, issuedMs, state, parameters: { [name]: '0.1' } }) as CommandPart;
  expect(lastSet(NONE, 'learning_rate')).toBe('');
  const book = learn(NONE, [
    set('a', 1, 'applied'),
    set('b', 2, 'accepted'),
    set('c', 3, 'rejected'),
    set('d', 4, 'applied', 'batch_size'),
    set('e', 5, 'sending'),
  ]);
  expect(lastSet(book, 'learning_rate')).toBe('b');
  expect(lastSet(book, 'batch_size')).toBe('d');
});

it('gathers the ranks that applied it', () => {
  expect(learn(NONE, [issued, applied, { ...applied, ranks: [3, 1] }]).get('c1')?.ranks).toEqual([0, 1, 3]);
});

it('forgets a trouble in sending once the server has it', () => {
  const local: CommandPart = { ...issued, state: 'sending' };
  const stuck = learn(NONE, [local, { id: 'c1', state: 'sending', trouble: 'no connection' }]);
  expect(stuck.get('c1')?.trouble).toBe('no connection');
  expect(learn(stuck, [{ id: 'c1', state: 'sending', trouble: '' }]).get('c1')?.trouble).toBe('');
  expect(learn(stuck, [issued]).get('c1')).toMatchObject({ state: 'queued', trouble: '' });
});

it('lists the newest first, and none of which only the result was heard', () => {
  const second = { ...issued, id: 'c2', issuedMs: 2000 };
  const third = { ...issued, id: 'c3', issuedMs: 2000 };
  const book = learn(NONE, [issued, second, third, { id: 'c4', state: 'applied' }]);
  expect(newestFirst(book).map(({ id }) => id)).toEqual(['c3', 'c2', 'c1']);
});

it('says which have come to their end', () => {
  const before = learn(NONE, [issued]);
  const after = learn(before, [applied]);
  expect(newlyFinal(before, after).map(({ id }) => id)).toEqual(['c1']);
  expect(newlyFinal(after, after)).toEqual([]);
  expect(newlyFinal(NONE, learn(NONE, [applied]))).toEqual([]);
  expect(newlyFinal(learn(NONE, [applied]), after)).toHaveLength(1);
});

it('is bounded', () => {
  const many = Array.from({ length: 1005 }, (_, i) => ({ ...issued, id: `m${i}`, issuedMs: i }));
  const book = learn(NONE, many);
  expect(book.size).toBe(1000);
  expect(book.has('m4')).toBe(false);
  expect(book.has('m5')).toBe(true);
});
