import { expect, it } from 'vitest';
import {
  formatAgo,
  formatDuration,
  formatMegabytes,
  formatMetric,
  formatMs,
  formatPercent,
  formatTick,
} from './format';

it.each([
  [0.041234, '0.0412'],
  [12.3456, '12.35'],
  [12345, '12,345'],
  [-0.5, '−0.500'],
  [1.234e-5, '1.23e−5'],
  [1.5e9, '1.50e9'],
  [0, '0'],
  [Number.NaN, 'NaN'],
  [Infinity, '∞'],
  [-Infinity, '−∞'],
  [null, '–'],
  [undefined, '–'],
])('shows the metric %s as %s', (value, text) => {
  expect(formatMetric(value)).toBe(text);
});

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
  [42.4, '42 s'],
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
