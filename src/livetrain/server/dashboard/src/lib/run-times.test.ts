import { expect, it } from 'vitest';
import { runTimes } from './run-times';

const HOUR = 3_600_000;
const first = { createdMs: 10 * HOUR, firstPointUs: 5 * HOUR * 1000, endedMs: 6 * HOUR };

it('begins with its first point: one that was synced later took the time that it took', () => {
  expect(runTimes(first, true, 11 * HOUR)).toEqual({ startMs: 5 * HOUR, seconds: 3600 });
});

it('takes until now while it goes on', () => {
  expect(runTimes(first, false, 7 * HOUR).seconds).toBe(7200);
});

it('begins when it was made where no point is known', () => {
  const none = { ...first, firstPointUs: 0, endedMs: 11 * HOUR };
  expect(runTimes(none, true, 12 * HOUR)).toEqual({ startMs: 10 * HOUR, seconds: 3600 });
});

it('makes nothing up where clocks make no sense', () => {
  expect(runTimes({ ...first, endedMs: 1 }, true, 0).seconds).toBeNull();
  expect(runTimes({ createdMs: 0, firstPointUs: 0, endedMs: 0 }, false, HOUR)).toEqual({
    startMs: null,
    seconds: null,
  });
});
