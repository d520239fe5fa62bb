import { describe, expect, it } from 'vitest';
import { formatAccuracy, formatConfidence, formatCount, formatMetric, formatPercent } from './number';

describe('a metric', () => {
  it.each([
    [0.041234, '0.0412'],
    [12.3456, '12.35'],
    [12345, '12,345'],
    [12345.67, '12,346'],
    [-0.5, '−0.5'],
    [0.5, '0.5'],
    [9, '9'],
    [1.234e-5, '1.23e−5'],
    [1e-5, '1e−5'],
    [3e-4, '3e−4'],
    [0.001, '0.001'],
    [1.5e9, '1.5e9'],
    [1.23456e9, '1.23e9'],
    [16777217, '16,777,217'],
    [0, '0'],
    [-0, '0'],
    [Number.NaN, 'NaN'],
    [Infinity, '∞'],
    [-Infinity, '−∞'],
    [null, '–'],
    [undefined, '–'],
    [1e39, '1e39'],
    [-1.7976931348623157e308, '−1.80e308'],
    [5e-324, '5e−324'],
  ])('of %s is "%s"', (value, text) => {
    expect(formatMetric(value)).toBe(text);
  });

  it.each([
    [0.9996, '0.9996'],
    [0.99996, '0.99996'],
    [1.0004, '1.0004'],
    [2.9999, '2.9999'],
    [0.1004, '0.1004'],
    [10000.4, '10,000.4'],
    [999999.7, '999,999.7'],
    [0.00099999, '9.9999e−4'],
    [1000000.5, '1.000001e6'],
    [0.9999999999, '1 − 1e−10'],
    [3.0000000002, '3 + 2e−10'],
    [-2.9999999998, '−3 + 2e−10'],
  ])('never reads as a rounder one: %s is "%s"', (value, text) => {
    expect(formatMetric(value)).toBe(text);
  });

  it.each([
    [0.1 + 0.2, '0.3'],
    [Math.fround(0.1), '0.1'],
    [Math.fround(1e-3), '0.001'],
  ])('has no digits that are only noise: %s is "%s"', (value, text) => {
    expect(formatMetric(value)).toBe(text);
  });

  it('says a round number only of what is one, over many sizes', () => {
    let seed = 1;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let i = 0; i < 20_000; i++) {
      const round = Number(`${1 + Math.floor(random() * 9)}e${Math.floor(random() * 10) - 5}`);
      const value = round * (1 + (random() < 0.5 ? -1 : 1) * 10 ** (-1 - random() * 10));
      const text = formatMetric(value);
      const [digits = ''] = text.replaceAll(',', '').split('e');
      const said = Number(text.replaceAll(',', '').replaceAll('−', '-'));
      if (Number.isNaN(said)) expect(text, String(value)).toMatch(/^[\d,.e−]+ [+−] \de−?\d+$/);
      else {
        expect(Math.abs(said - value) / value, `${value} as ${text}`).toBeLessThan(0.006);
        const zeros = /\..*?(0*)$/.exec(digits)?.[1]?.length ?? 0;
        expect(said === value || zeros < 2, `${value} as ${text}`).toBe(true);
      }
      expect(text.length, text).toBeLessThanOrEqual(13);
    }
  });
});

describe('a share', () => {
  it.each([
    [0.9731, 1, '97.3'],
    [0.9996, 1, '99.96'],
    [0.9996, 0, '99.96'],
    [0.999999, 1, '99.9999'],
    [0.9999999999, 1, '> 99.9999'],
    [1, 1, '100'],
    [0.5, 1, '50'],
    [0.49996, 1, '49.996'],
    [0.0004, 1, '0.04'],
    [1e-9, 1, '< 0.0001'],
    [0, 1, '0'],
    [0.07, 0, '7'],
    [1.25, 0, '125'],
    [-0.1, 0, '−10'],
    [Math.fround(0.97), 1, '97'],
  ])('of %s with %s digits is %s percent', (share, digits, text) => {
    expect(formatPercent(share, digits)).toBe(`${text}\u00a0%`);
  });

  it('that is no number says what it is', () => {
    expect([null, undefined, Number.NaN, Infinity].map((share) => formatPercent(share))).toEqual([
      '–',
      '–',
      'NaN',
      '∞',
    ]);
  });

  it.each([
    [1, '100%'],
    [0.9996, '>99%'],
    [0.9949, '99%'],
    [0.5, '50%'],
    [0.0001, '<1%'],
    [0, '0%'],
    [Number.NaN, ''],
  ])('of %s is "%s" under a tile', (share, text) => {
    expect(formatConfidence(share)).toBe(text);
  });
});

it('counts', () => {
  expect(formatCount(12345)).toBe('12,345');
  expect(formatCount(Number.NaN)).toBe('–');
});

it('takes an accuracy as a share only where it can be one', () => {
  expect([0.9996, 1, 97.3, -0.2, Number.NaN, undefined].map(formatAccuracy)).toEqual([
    '99.96\u00a0%',
    '100\u00a0%',
    '97.3',
    '−0.2',
    'NaN',
    '–',
  ]);
});
