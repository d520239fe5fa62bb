import { expect, it } from 'vitest';
import { readLoss, readRuns, timeMs } from './runs';

it('reads the list with what it needs, and no more', () => {
  const row = {
    run_id: 'r1',
    name: 'n',
    project: 'p',
    tags: ['a', 7],
    status: 'running',
    created_at: 1_700_000_000,
    started_at: 1_700_000_001,
    duration: 12.5,
    steps: 5,
    remarks: ['Rank 1 was lost at step 400.'],
    more: 1,
  };
  expect(readRuns({ runs: [row, null, 'x'], next: '170,5', total: 9 })).toEqual({
    rows: [
      {
        runId: 'r1',
        name: 'n',
        project: 'p',
        tags: ['a'],
        status: 'running',
        contact: '',
        message: '',
        steps: 5,
        createdMs: 1_700_000_000_000,
        startedMs: 1_700_000_001_000,
        seconds: 12.5,
        remarks: ['Rank 1 was lost at step 400.'],
      },
    ],
    next: '170,5',
    total: 9,
  });
  expect(readRuns({ runs: [], next: null })).toEqual({ rows: [], next: null, total: null });
  expect(readRuns({ runs: [], next: 7 }).next).toBe('7');
  expect(() => readRuns({ detail: 'no' })).toThrow(/not readable/);
});

it('reads times as seconds, milliseconds or ISO text', () => {
  expect(timeMs(1_700_000_000.5)).toBe(1_700_000_000_500);
  expect(timeMs(1_700_000_000_000)).toBe(1_700_000_000_000);
  expect(timeMs('2026-01-01T00:00:00Z')).toBe(Date.UTC(2026, 0, 1));
  expect(timeMs('yesterday')).toBeNull();
});

it('reads the loss at a glance, with its newest value as it was logged', () => {
  const loss = {
    steps: [0, 5, 9],
    values: [1, null, null],
    times: [1, 2, 3],
    nonfinite: [
      { step: 5, kind: 'nan' },
      { step: 9, kind: '-inf' },
    ],
  };
  expect(readLoss({ metrics: { loss } })).toEqual({
    curve: { steps: [0, 5, 9], values: [1, Number.NaN, -Infinity] },
    newest: -Infinity,
  });
  const resumed = { steps: [500, 999], values: [9, 0.2], times: [60, 50] };
  expect(readLoss({ metrics: { 'train/loss': resumed } })?.newest).toBe(9);
  for (const junk of [
    {},
    null,
    { metrics: { loss: { values: [] } } },
    { metrics: { loss: { values: [1] } } },
  ]) {
    expect(readLoss(junk)).toBeNull();
  }
});
