import { expect, it } from 'vitest';
import {
  formatAgo,
  formatClock,
  formatDateTime,
  formatDuration,
  formatFps,
  formatMegabytes,
  formatMs,
  formatPercent,
  formatTick,
  isoTime,
} from './format';

it.each([
  [0.5, '0.5'],
  [0.00015, '1.5e−4'],
  [-2, '−2'],
  [0.30000000000000004, '0.3'],
  [200000, '2e5'],
])('shows %s on an axis as %s', (value, text) => {
  expect(formatTick(value)).toBe(text);
});

it.each([
  [0, '0 s'],
  [0.2, '< 1 s'],
  [42.4, '42 s'],
  [59.7, '1 min 00 s'],
  [185, '3 min 05 s'],
  [8040, '2 h 14 min'],
  [273600, '3 d 4 h'],
  [-1, '–'],
])('shows %s seconds as %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it('shows the rest', () => {
  expect(formatAgo(2)).toBe('just now');
  expect(formatAgo(7300)).toBe('2 h ago');
  expect(formatMs(8.25)).toBe('8.3 ms');
  expect(formatMs(null)).toBe('–');
  expect(formatPercent(0.9731, 1)).toBe('97.3\u00a0%');
  expect(formatMegabytes(1536)).toBe('1.5 GB');
});

it('invents no zero', () => {
  expect(formatFps(0)).toBe('–');
  expect(formatFps(Number.NaN)).toBe('–');
  expect(formatFps(0.04)).toBe('0.04');
  expect(formatFps(29.97)).toBe('30.0');
  expect(formatMegabytes(0)).toBe('–');
  expect(formatMegabytes(0.4)).toBe('< 1 MB');
});

it('tolerates what is no time', () => {
  for (const ms of [0, -1, Number.NaN, Infinity, 2 ** 63]) {
    expect(formatClock(ms)).toBe('–');
    expect(formatDateTime(ms)).toBe('–');
    expect(isoTime(ms)).toBeUndefined();
  }
  expect(isoTime(1000)).toBe('1970-01-01T00:00:01.000Z');
  expect(formatAgo(-3600)).toBe('–');
  expect(formatAgo(-2)).toBe('just now');
});
