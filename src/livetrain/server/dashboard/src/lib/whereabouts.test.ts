import { expect, it } from 'vitest';
import { Whereabouts } from './whereabouts';

it('is at the step that was logged last', () => {
  const where = new Whereabouts();
  expect(where.step).toBeNull();
  where.pass({ step: 999, timeUs: 1000 });
  where.pass({ step: 500, timeUs: 2000 });
  expect(where.step).toBe(500);
  // A late picture of what was before.
  where.pass({ step: 998, timeUs: 990 });
  expect(where.step).toBe(500);
  where.restart();
  expect(where.known).toBe(false);
});
