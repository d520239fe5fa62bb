import { expect, it } from 'vitest';
import { countWords, joinRanks, lostWords, milliseconds, ownShare, rankStanding } from './ranks';

const rank = { rank: 1, contact: 'alive', status: 'running', steps: 9, stepMs: 50, ownMs: 20 };

it('never calls silence a crash', () => {
  expect(rankStanding(rank, false).word).toBe('Running');
  expect(rankStanding({ ...rank, contact: 'stale' }, false).word).toBe('Stale');
  expect(rankStanding({ ...rank, contact: 'lost' }, false).word).toBe('Lost contact');
  expect(rankStanding({ ...rank, contact: 'ended', status: 'failed' }, false).word).toBe('Failed');
});

it('calls nothing running once the run is over', () => {
  const killed = { ...rank, rank: 3, steps: 401, contact: 'lost' };
  expect(rankStanding(killed, true)).toMatchObject({ word: 'Lost at step 400', tone: 'bad' });
  expect(rankStanding({ ...killed, status: 'lost' }, true).word).toBe('Lost at step 400');
  expect(rankStanding({ ...killed, contact: 'ended' }, true).word).toBe('Lost at step 400');
  expect(rankStanding({ ...killed, steps: 0 }, true).word).toBe('Lost before its first step');
  expect(rankStanding(rank, true).word).toBe('Ending');
  expect(rankStanding({ ...rank, contact: 'ended', status: 'finished' }, true).word).toBe('Finished');
  for (const contact of ['alive', 'stale', 'lost', 'ended', '']) {
    for (const status of ['running', 'initializing', 'paused', 'lost', '']) {
      expect(rankStanding({ ...rank, contact, status }, true).word).not.toMatch(
        /Running|Starting|Paused|Stale/,
      );
    }
  }
});

it('says beside the run’s own word which ranks were lost', () => {
  const ended = { ...rank, contact: 'ended', status: 'finished' };
  const lost = { ...rank, rank: 3, steps: 401, contact: 'lost' };
  expect(lostWords([ended, lost], true)).toBe('rank 3 lost at step 400');
  expect(lostWords([ended], true)).toBe('');
  expect(lostWords([lost, { ...lost, rank: 5 }], true)).toBe('ranks 3 and 5 lost at step 400');
  expect(lostWords([lost, { ...lost, rank: 5, steps: 7 }], true)).toBe('ranks 3 and 5 lost');
  expect(
    lostWords(
      [1, 2, 3, 4, 5].map((n) => ({ ...lost, rank: n })),
      true,
    ),
  ).toBe('5 ranks lost');
});

it('keeps what was known of ranks that are not reported any more', () => {
  const zero = { ...rank, rank: 0 };
  const lost = { ...rank, contact: 'lost', steps: 401 };
  expect(joinRanks([zero, lost], [{ ...zero, steps: 12 }], false)).toEqual([{ ...zero, steps: 12 }, lost]);
  const ended = { ...zero, contact: 'ended', status: 'finished' };
  expect(joinRanks([ended, lost], [zero], true)).toEqual([ended, lost]);
  expect(joinRanks([], [zero], false)).toEqual([zero]);
});

it('shows how much of a step a rank takes alone', () => {
  expect(ownShare(rank)).toBe(0.4);
  expect(ownShare({ ...rank, ownMs: 70 })).toBe(1);
  expect(ownShare({ ...rank, ownMs: null })).toBeNull();
  expect([milliseconds(null), milliseconds(3.14), milliseconds(1234.5)]).toEqual(['–', '3.1 ms', '1,235 ms']);
});

it('says how many there are, and how many there should be', () => {
  expect([countWords(4, 4), countWords(3, 4)]).toEqual(['4 ranks', '3 of 4 ranks']);
});
