import { expect, it } from 'vitest';
import { rangeWords, readRange, usedLevels } from './value-range';

const range = (shownLow: number, shownHigh: number, seenLow: number, seenHigh: number) => ({
  shownLow,
  shownHigh,
  seenLow,
  seenHigh,
});

it('says what is shown and what was seen, where they differ', () => {
  expect(rangeWords(range(0, 255, 0, 16), false)).toBe('shown as 0–255, seen 0–16');
  expect(rangeWords(range(0, 255, 0, 16), true)).toBe('shown as 0–16, auto-contrast');
  expect(rangeWords(range(0, 1, -2.1, 2.6), true)).toBe('shown as 0–1, seen −2.1 to 2.6: cut');
  expect(rangeWords(range(0, 1, 0.001, 0.999), false)).toBe('');
  expect(rangeWords(range(0, 255, 3.6e-4, 15.9997), false)).toBe('shown as 0–255, seen 0–16');
  expect(rangeWords(range(0, 1, 0.00012, 0.00034), false)).toBe('shown as 0–1, seen 1.2e−4–3.4e−4');
  expect(rangeWords(null, false)).toBe('');
});

it('stretches what is used of a picture, if that is not all of it', () => {
  expect(usedLevels(range(0, 255, 0, 16))).toEqual({ low: 0, high: 16 });
  expect(usedLevels(range(-1, 1, 0, 0.5))).toEqual({ low: 127, high: 192 });
  expect(usedLevels(range(0, 1, 0, 1))).toBeNull();
  expect(usedLevels(range(0, 1, -3, 3))).toBeNull();
  expect(usedLevels(range(0, 1, 2, 3))).toBeNull();
  expect(usedLevels(range(0, 255, 0, 0))).toBeNull();
});

it('reads no range that makes no sense', () => {
  expect(readRange(undefined)).toBeNull();
  expect(readRange(range(0, 0, 0, 1))).toBeNull();
  expect(readRange(range(0, 1, 1, 0))).toBeNull();
  expect(readRange(range(0, NaN, 1, 2))).toBeNull();
  expect(readRange(range(0, 1, 0, Infinity))).toBeNull();
  expect(readRange(range(0, 255, 0, 16))).toEqual(range(0, 255, 0, 16));
});
