import { describe, expect, it } from 'vitest';
import { asSentence, noticesOf, type Matters } from './notices';
import { initialLink } from './reconnect';

const live = { ...initialLink, phase: 'live', everLive: true } as const;
const run = {
  status: 'running',
  contact: 'alive',
  message: '',
  lastHeardMs: 100_000,
  trouble: '',
  traceback: '',
  remarks: [],
};
const fine: Matters = {
  link: live,
  lostAtMs: null,
  back: null,
  quietMs: 0,
  run,
  lostRanks: '',
  nowMs: 100_000,
  serverNowMs: 100_000,
};
const told = (change: Partial<Matters>) =>
  noticesOf({ ...fine, ...change }).map(({ key, text, more }) => [key, text, more]);

it('has nothing to say when all is well', () => {
  expect(noticesOf(fine)).toEqual([]);
  expect(noticesOf({ ...fine, run: null })).toEqual([]);
});

describe('the server', () => {
  it('is said not to answer while the connection still stands', () => {
    const [[key, text, more] = []] = told({ quietMs: 2600 });
    expect([key, text]).toEqual(['quiet', 'The server does not answer: nothing for 3 s.']);
    expect(more).toMatch(/^What you see is as of \d\d:\d\d:\d\d\.$/);
  });

  it('says itself why it cannot store', () => {
    const troubled = { ...run, trouble: 'cannot store: disk full; nothing is lost' };
    expect(told({ run: troubled })).toEqual([['trouble', 'Cannot store: disk full; nothing is lost.', '']]);
  });

  it('was lost, or was never there', () => {
    const waiting = { ...live, phase: 'waiting', reason: 'The server is restarting.' } as const;
    const [[, text, more] = []] = told({ link: waiting, lostAtMs: 88_000 });
    expect(text).toBe('The server is restarting.');
    expect(more).toContain('12 s ago');
    const never = { ...initialLink, phase: 'waiting' } as const;
    expect(told({ link: never, lostAtMs: 99_500 })).toEqual([]);
    expect(told({ link: never, lostAtMs: 90_000 })[0]?.[1]).toBe('The server cannot be reached.');
    const refused = { ...live, phase: 'closed', reason: 'The server knows no such run.' } as const;
    expect(told({ link: refused })[0]?.[1]).toBe('The server knows no such run.');
  });

  it('is back, for a while', () => {
    const back = { reset: false, events: 7, awayMs: 3000, atMs: 99_000 };
    expect(told({ back })).toEqual([['back', 'Connected again after 3 s.', 'Caught up 7 records.']]);
    expect(told({ back: { ...back, atMs: 90_000 } })).toEqual([]);
    expect(told({ back: { ...back, awayMs: 100 } })).toEqual([]);
  });
});

describe('the trainer', () => {
  it('failed, with its reason and its traceback', () => {
    const failed = {
      ...run,
      status: 'failed',
      contact: 'ended',
      message: 'ValueError: no',
      traceback: 'Traceback …',
    };
    expect(noticesOf({ ...fine, run: failed })).toEqual([
      { key: 'trainer', tone: 'bad', text: 'Failed.', more: 'ValueError: no', detail: 'Traceback …' },
    ]);
    const long = { ...failed, traceback: '', message: `first\n${'x'.repeat(900)}` };
    expect(noticesOf({ ...fine, run: long })[0]).toMatchObject({ more: 'first', detail: long.message });
  });

  it('is silent, by the server’s clock', () => {
    const stale = { ...run, contact: 'stale' };
    expect(told({ run: stale, serverNowMs: 107_000, nowMs: 9_000_000 })[0]?.[2]).toContain('for 7 s');
  });

  it('lost a rank, and has more to say', () => {
    const ended = {
      ...run,
      status: 'finished',
      contact: 'ended',
      remarks: ['too many names', 'too many names'],
    };
    expect(told({ run: ended, lostRanks: 'rank 3 lost at step 400' })).toEqual([
      ['ranks', 'Rank 3 lost at step 400.', ''],
      ['remark too many names', 'Too many names.', ''],
    ]);
  });
});

it('says of a lost rank once what the server says too', () => {
  const ended = { ...run, status: 'finished', contact: 'ended', remarks: ['Rank 3 was lost at step 400.'] };
  expect(told({ run: ended, lostRanks: 'rank 3 lost at step 400' })).toHaveLength(1);
});

it('puts what keeps the page from being true first', () => {
  const bad = { ...run, trouble: 'disk full', contact: 'stale', remarks: ['a'] };
  expect(told({ run: bad, quietMs: 5000 }).map(([key]) => key)).toEqual([
    'quiet',
    'trouble',
    'trainer',
    'remark a',
  ]);
});

it('makes sentences', () => {
  expect(['', 'a', 'A.', 'really?', ' b '].map(asSentence)).toEqual(['', 'A.', 'A.', 'Really?', 'B.']);
});
