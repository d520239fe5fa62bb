import { describe, expect, it } from 'vitest';
import { epochWords, shareDone, timeLeftWords, type Pace, type Progress } from './progress';

const at = (step: number | null, epoch = 0, totalEpochs = 2, batchesPerEpoch = 100): Progress => ({
  step,
  epoch,
  plan: { totalEpochs, batchesPerEpoch },
});
const pace: Pace = { told: 0, stepMs: 0, elapsed: 100, resumed: false };

it('counts epochs from one, and says when they are past the plan', () => {
  expect(epochWords(0, 10)).toBe('1 of 10');
  expect(epochWords(9, 10)).toBe('10 of 10');
  expect(epochWords(10, 10)).toBe('10 of 10'); // its trainer counts from one
  expect(epochWords(11, 10)).toBe('12, beyond 10');
  expect(epochWords(4, 0)).toBe('5');
});

it('knows the share done from what is known of the plan', () => {
  expect(shareDone(at(49))).toBe(0.25);
  expect(shareDone(at(49, 1, 2, 0))).toBe(0.5);
  expect(shareDone(at(49, 1, 0, 0))).toBeNull();
  expect(shareDone(at(299))).toBe(1.5);
  expect(shareDone(at(null))).toBeNull();
});

describe('the time left', () => {
  it('is what the trainer says, before any arithmetic', () => {
    expect(timeLeftWords(at(99), { ...pace, told: 30 })).toBe('30 s');
  });

  it('goes by the pace of late, else by that since the beginning', () => {
    expect(timeLeftWords(at(99), { ...pace, stepMs: 500 })).toBe('50 s');
    expect(timeLeftWords(at(49), pace)).toBe('5 min 00 s');
  });

  it('is not made up', () => {
    expect(timeLeftWords(at(49, 0, 0, 0), pace)).toBe('–');
    expect(timeLeftWords(at(0, 0, 10), pace)).toBe('–');
    expect(timeLeftWords(at(null), pace)).toBe('–');
    expect(timeLeftWords(at(49), { ...pace, elapsed: null })).toBe('–');
    expect(timeLeftWords(at(49), { ...pace, resumed: true })).toBe('–');
  });

  it('is none beyond the plan', () => {
    expect(timeLeftWords(at(200), pace)).toBe('beyond plan');
    expect(timeLeftWords(at(500), { ...pace, told: 30 })).toBe('beyond plan');
    expect(timeLeftWords(at(199), pace)).toBe('0 s');
  });
});
