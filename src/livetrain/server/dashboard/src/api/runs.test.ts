import { expect, it } from 'vitest';
import { readRuns, readSpark, timeMs } from './runs';

it('reads the list with what it needs, and no more', () => {
  const row = {
    run_id: 'r1',
    name: 'n',
    project: 'p',
    status: 'running',
    created_at: 1_700_000_000,
    steps: 5,
    more: 1,
  };
  expect(readRuns({ runs: [row], next: null })).toEqual([
    {
      runId: 'r1',
      name: 'n',
      project: 'p',
      status: 'running',
      contact: '',
      steps: 5,
      createdMs: 1_700_000_000_000,
    },
  ]);
  expect(() => readRuns({ detail: 'no' })).toThrow(/not readable/);
});

it('reads times as seconds, milliseconds or ISO text', () => {
  expect(timeMs(1_700_000_000.5)).toBe(1_700_000_000_500);
  expect(timeMs(1_700_000_000_000)).toBe(1_700_000_000_000);
  expect(timeMs('2026-01-01T00:00:00Z')).toBe(Date.UTC(2026, 0, 1));
  expect(timeMs('yesterday')).toBeNull();
});

it('leaves gaps out of a spark', () => {
  expect(readSpark({ metrics: { loss: { values: [1, null, 2] } } })).toEqual([1, 2]);
  expect(readSpark({ metrics: {} })).toEqual([]);
});
