import { expect, it } from 'vitest';
import { readSample } from './samples';

it('reads a sample, and nothing that it cannot read', () => {
  const row = {
    sample_id: 's1',
    kind: 'custom',
    prompt: null,
    step: 30,
    epoch: 1,
    created_at: 1_700_000_000.5,
    width: 64,
    height: 48,
  };
  expect(readSample(row)).toEqual({
    id: 's1',
    kind: 'custom',
    prompt: '',
    step: 30,
    epoch: 1,
    timeMs: 1_700_000_000_500,
    width: 64,
    height: 48,
  });
  expect([readSample(null), readSample({}), readSample({ sample_id: 5 })]).toEqual([null, null, null]);
});
