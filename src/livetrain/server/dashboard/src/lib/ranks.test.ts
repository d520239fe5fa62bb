import { expect, it } from 'vitest';
import { countWords, milliseconds, ownShare, rankStanding } from './ranks';

const rank = { rank: 1, contact: 'alive', status: 'running', steps: 9, stepMs: 50, ownMs: 20 };

it('never calls silence a crash', () => {
  expect(rankStanding(rank).word).toBe('Running');
  expect(rankStanding({ ...rank, contact: 'stale' }).word).toBe('Stale');
  expect(rankStanding({ ...rank, contact: 'lost' }).word).toBe('Lost contact');
  expect(rankStanding({ ...rank, contact: 'ended', status: 'failed' }).word).toBe('Failed');
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
