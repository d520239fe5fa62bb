import { expect, it } from 'vitest';
import { ResumeCursor } from './resume-cursor';

it('takes each offset once, in order', () => {
  const cursor = new ResumeCursor();
  expect(cursor.snapshot('a', 10)).toEqual({ reset: false, caughtUp: 0 });
  expect([9, 10, 11, 11, 12].map((offset) => cursor.admit(offset))).toEqual([
    'seen',
    'seen',
    'new',
    'seen',
    'new',
  ]);
  expect(cursor.offset).toBe(12);
});

it('comes again at a hole, and goes on over one that stays', () => {
  const cursor = new ResumeCursor();
  cursor.snapshot('a', 1);
  expect(cursor.admit(3)).toBe('hole');
  expect(cursor.offset).toBe(1);
  expect(cursor.admit(3)).toBe('new');
  expect(cursor.admit(9)).toBe('hole');
});

it('knows another store by its epoch, and by offsets that went back', () => {
  const cursor = new ResumeCursor();
  cursor.snapshot('a', 10);
  expect(cursor.snapshot('a', 25)).toEqual({ reset: false, caughtUp: 15 });
  expect(cursor.snapshot('b', 3)).toEqual({ reset: true, caughtUp: 0 });
  expect(cursor.snapshot('b', 1)).toEqual({ reset: true, caughtUp: 0 });
});
