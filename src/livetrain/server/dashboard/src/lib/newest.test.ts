import { expect, it } from 'vitest';
import { finiteWords, NewestValues } from './newest';

const point = (name: string, step: number | null, value: number, time: number, attempt = 1) => ({
  name,
  step,
  value,
  time,
  attempt,
});

it('shows the newest value, NaN too, and knows where it was finite last', () => {
  const newest = new NewestValues();
  for (let step = 100; step < 200; step++)
    newest.tell(point('loss', step, step < 120 ? 0.185 : Number.NaN, step));
  const loss = newest.get('loss');
  expect(loss).toMatchObject({
    step: 199,
    value: Number.NaN,
    nonFinite: 80,
    finite: { step: 119, value: 0.185 },
  });
  expect(loss && finiteWords(loss)).toBe('finite until 119');
  newest.tell(point('loss', 200, 0.5, 200));
  expect(newest.get('loss')).toMatchObject({ value: 0.5, finite: { step: 200 } });
});

it('goes by time and attempt, not by the highest step', () => {
  const newest = new NewestValues();
  newest.append([point('loss', 999, 0.247, 50), point('loss', 500, 9, 60)]);
  expect(newest.get('loss')).toMatchObject({ step: 500, value: 9 });
  newest.append([point('loss', 501, 8, 40, 2), point('loss', 1000, 0.2, 70, 1)]);
  expect(newest.get('loss')).toMatchObject({ step: 501, value: 8, attempt: 2 });
});

it('reads a snapshot, whose points are ordered by step', () => {
  const newest = new NewestValues();
  newest.replaceByCurves([
    { name: 'loss', steps: [0, 500, 999], values: [1, 9, 0.2], times: [1, 60, 50] },
    { name: '__proto__', steps: [0, 1], values: [1, Number.NaN], times: [1, 2] },
  ]);
  expect(newest.get('loss')).toMatchObject({ step: 500, value: 9 });
  const odd = newest.get('__proto__');
  expect(odd && finiteWords(odd)).toBe('finite until 0');
  expect(newest.get('constructor')).toBeUndefined();
  newest.replaceByCurves([]);
  expect(newest.size).toBe(0);
});

it('counts on for older clients, and says so where nothing was ever finite', () => {
  const newest = new NewestValues();
  newest.append([point('loss', null, Infinity, 1), point('loss', null, Number.NaN, 2)]);
  const loss = newest.get('loss');
  expect(loss?.step).toBe(1);
  expect(loss && finiteWords(loss)).toBe('never finite');
  expect(finiteWords({ value: 1, finite: null })).toBe('');
});
