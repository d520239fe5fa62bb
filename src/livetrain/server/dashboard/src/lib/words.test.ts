import { expect, it } from 'vitest';
import { isOver, standing } from './words';

it.each([
  ['running', 'alive', 'Running', 'good'],
  ['running', 'stale', 'Stale', 'warn'],
  ['running', 'lost', 'Lost contact', 'bad'],
  ['failed', 'ended', 'Failed', 'bad'],
  ['interrupted', 'lost', 'Interrupted', 'warn'], // how it ended outlives contact
  ['finished', 'ended', 'Finished', 'calm'],
  ['', '', 'Unknown', 'calm'],
])('%s and %s is %s', (status, contact, word, tone) => {
  expect(standing(status, contact, '7 s', '')).toMatchObject({ word, tone });
});

it('never calls silence a crash', () => {
  const { explanation } = standing('running', 'lost', '40 s', 'whatever');
  expect(explanation).toMatch(/No word from the trainer for 40 s/);
  expect(explanation).not.toMatch(/crash|fail|died/i);
});

it('passes on what the trainer said of its end', () => {
  expect(standing('failed', 'ended', '', 'CUDA out of memory').explanation).toBe('CUDA out of memory');
  expect(['finished', 'failed', 'interrupted', 'running'].map(isOver)).toEqual([true, true, true, false]);
});
