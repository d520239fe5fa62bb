import { expect, it } from 'vitest';
import { epochWords, remainingSeconds, shareDone } from './progress';

it('counts epochs from one and never past the plan', () => {
  expect(epochWords(0, 10)).toBe('1 of 10');
  expect(epochWords(10, 10)).toBe('10 of 10');
  expect(epochWords(4, 0)).toBe('5');
});

it('knows the share done from what is known of the plan', () => {
  expect(shareDone(50, 0, { totalEpochs: 2, batchesPerEpoch: 100 })).toBe(0.25);
  expect(shareDone(50, 1, { totalEpochs: 2, batchesPerEpoch: 0 })).toBe(0.5);
  expect(shareDone(50, 1, { totalEpochs: 0, batchesPerEpoch: 0 })).toBeNull();
  expect(shareDone(500, 9, { totalEpochs: 2, batchesPerEpoch: 100 })).toBe(1);
});

it('believes the trainer before its own arithmetic', () => {
  expect(remainingSeconds(30, 0.5, 100)).toBe(30);
  expect(remainingSeconds(0, 0.25, 100)).toBe(300);
  expect(remainingSeconds(0, null, 100)).toBeNull();
  expect(remainingSeconds(0, 0.001, 100)).toBeNull();
});
