import { expect, it } from 'vitest';
import { clockAhead, HttpError, reasonOf } from './http';

it('reads the server’s own sentence, and the list of what is wrong with a request', () => {
  expect(reasonOf({ detail: 'There is no run.' })).toBe('There is no run.');
  const wrong = { detail: [{ loc: ['body', 'issued_by'], msg: 'too long' }, { msg: 'no' }] };
  expect(reasonOf(wrong)).toBe('issued_by: too long; no');
  expect(reasonOf(null)).toBe('');
  expect(new HttpError(502, '/api', '').message).toBe('/api answered 502');
});

it('knows how far the server’s clock is ahead', () => {
  const now = Date.UTC(2026, 0, 1, 12);
  expect(clockAhead('Thu, 01 Jan 2026 13:00:00 GMT', now)).toBe(3_600_500);
  expect(clockAhead('Thu, 01 Jan 2026 12:00:01 GMT', now)).toBe(0);
  expect(clockAhead(null, now)).toBe(0);
  expect(clockAhead('whenever', now)).toBe(0);
});
