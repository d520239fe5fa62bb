import { expect, it } from 'vitest';
import { beyondWords, chartWords, warningWords, type NamedTip } from './chart-words';

const named = (
  label: string,
  value: number,
  nonfinite = 0,
  lastFiniteStep: number | null = null,
): NamedTip => ({
  label,
  tip: {
    name: label,
    step: 200,
    value,
    timeUs: 0,
    points: 9,
    nonfinite,
    lastFinite: 0.185,
    lastFiniteStep,
    attempt: 1,
  },
});

it('warns of every curve that has values which are not finite', () => {
  expect(warningWords([named('batch', NaN, 80, 119)])).toBe('NaN, finite until 119');
  expect(warningWords([named('batch', 0.5, 3, 200)])).toBe('3 not finite');
  expect(warningWords([named('batch', 0.5), named('validation', Infinity, 2)])).toBe(
    'validation: ∞, never finite',
  );
  expect(warningWords([named('batch', NaN, 1, 4), named('validation', NaN, 1, 1200)])).toBe(
    'batch: NaN, finite until 4; validation: NaN, finite until 1,200',
  );
  expect(warningWords([named('batch', 0.5), { label: 'none', tip: undefined }])).toBe('');
});

it('says what is out of view, and how far it goes', () => {
  const range = { min: 0, max: 1, above: 1, below: 0, highest: 1e308, lowest: 0 };
  expect(beyondWords(range)).toBe('1 point beyond ↑ 1e308');
  expect(beyondWords({ ...range, below: 2, lowest: -50 })).toMatch(/^3 points beyond ↑ .* ↓ −50/);
  expect(beyondWords({ ...range, above: 0 })).toBe('');
});

it('says the chart in a sentence', () => {
  expect(chartWords('Loss', [named('batch', 0.5), named('validation', NaN)])).toMatch(
    /^Loss: batch 0\.50*, validation NaN$/,
  );
});
