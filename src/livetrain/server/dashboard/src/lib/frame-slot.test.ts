import { expect, it } from 'vitest';
import { FrameSlot } from './frame-slot';

it('lets the newest replace the waiting one, frees it and counts it', () => {
  const freed: string[] = [];
  const slot = new FrameSlot<string>((frame) => freed.push(frame));
  for (const frame of ['a', 'b', 'c']) slot.put(frame);
  expect(slot.take()).toBe('c');
  expect(slot.take()).toBeNull();
  expect(freed).toEqual(['a', 'b']);
  expect(slot.replaced).toBe(2);
});

it('frees what waits when it is cleared', () => {
  const freed: number[] = [];
  const slot = new FrameSlot<number>((frame) => freed.push(frame));
  slot.put(1);
  slot.clear();
  slot.clear();
  expect(freed).toEqual([1]);
  expect(slot.replaced).toBe(0);
});

it('gives the oldest first where several may wait, and the newest of too many', () => {
  const freed: string[] = [];
  const slot = new FrameSlot<string>((frame) => freed.push(frame), 2);
  for (const frame of ['a', 'b', 'c']) slot.put(frame);
  expect([slot.take(), slot.take(), slot.take()]).toEqual(['b', 'c', null]);
  expect(freed).toEqual(['a']);
});
