import { expect, it } from 'vitest';
import { LatencyRing, plausibleLatency } from './latency-ring';

it('keeps the newest of its capacity', () => {
  const ring = new LatencyRing(3);
  for (let i = 0; i < 100; i++) ring.add(i);
  expect(ring.quantile(0, 1000)).toBeGreaterThan(95);
  expect(ring.quantile(0.99, 1000)).toBe(99);
});

it('gives quantiles of the recent ones, and null of none', () => {
  const ring = new LatencyRing();
  expect(ring.quantile(0.5)).toBeNull();
  for (let i = 1; i <= 100; i++) ring.add(i);
  expect(ring.quantile(0.5)).toBe(51);
  expect(ring.quantile(0.99)).toBe(100);
  expect(ring.quantile(0.5, 10)).toBe(96);
});

it.each([
  [1_000_000_000, 1_000_012, 12],
  [1_000_000_000, 999_995, 0], // a few milliseconds of another clock's rounding
  [1_000_000_000, 990_000, null], // ten seconds before it was logged
  [1_000_000_000, 5_000_000, null], // over an hour
  [0, 1_000_012, null], // not said
])('logged at %d us and painted at %d ms is %s', (loggedUs, nowMs, expected) => {
  expect(plausibleLatency(loggedUs, nowMs)).toBe(expected);
});
