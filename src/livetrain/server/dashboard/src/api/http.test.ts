import { expect, it } from 'vitest';
import { HttpError, reasonOf } from './http';

it('reads the server’s own sentence, and the list of what is wrong with a request', () => {
  expect(reasonOf({ detail: 'There is no run.' })).toBe('There is no run.');
  const wrong = { detail: [{ loc: ['body', 'issued_by'], msg: 'too long' }, { msg: 'no' }] };
  expect(reasonOf(wrong)).toBe('issued_by: too long; no');
  expect(reasonOf(null)).toBe('');
  expect(new HttpError(502, '/api', '').message).toBe('/api answered 502');
});
