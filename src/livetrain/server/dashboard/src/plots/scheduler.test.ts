import { expect, it } from 'vitest';
import { Scheduler, type Drawable } from './scheduler';

/** A screen whose charts take `ms` each. */
function screen(ms: number) {
  let now = 0;
  let frame: (() => void) | null = null;
  const drawn: number[] = [];
  const scheduler = new Scheduler({
    now: () => now,
    request: (next) => {
      frame = next;
      return 1;
    },
  });
  const chart = (id: number, hovered = false): Drawable => ({
    hovered,
    draw: () => {
      now += ms;
      drawn.push(id);
    },
  });
  const next = (): boolean => {
    const due = frame;
    frame = null;
    due?.();
    return due !== null;
  };
  return { scheduler, chart, next, drawn };
}

it('draws as many a frame as there is time for, each once, in order', () => {
  const { scheduler, chart, next, drawn } = screen(2);
  const charts = Array.from({ length: 10 }, (_, i) => chart(i));
  for (const one of charts) {
    scheduler.add(one);
    scheduler.add(one);
  }
  next();
  expect(drawn).toEqual([0, 1, 2]);
  while (next());
  expect(drawn).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it('sleeps when nothing is to be drawn', () => {
  const { scheduler, chart, next } = screen(1);
  expect(next()).toBe(false);
  scheduler.add(chart(1));
  expect(next()).toBe(true);
  expect(next()).toBe(false);
});

it('draws what the pointer is on first, and nothing that was taken out', () => {
  const { scheduler, chart, next, drawn } = screen(10);
  const gone = chart(3);
  for (const one of [chart(1), chart(2, true), gone]) scheduler.add(one);
  scheduler.remove(gone);
  while (next());
  expect(drawn).toEqual([2, 1]);
});
