import { expect, it } from 'vitest';
import { titleWords } from './title';

const run = { name: 'digits', status: 'running', contact: 'alive', share: 0.428, loss: 0.31 };

it('says how a run stands', () => {
  expect(titleWords(run)).toBe('● 42\u00a0% loss 0.31 · digits · livetrain');
  expect(titleWords({ ...run, loss: Number.NaN })).toContain('loss NaN');
  expect(titleWords({ ...run, status: 'failed', contact: 'ended' })).toBe('✗ loss 0.31 · digits · livetrain');
  expect(titleWords({ ...run, contact: 'lost' })).toMatch(/^\?/);
  expect(titleWords({ ...run, share: 1.2, loss: undefined })).toBe('● · digits · livetrain');
  expect(titleWords({ ...run, share: 0.9999 })).toContain('99\u00a0%');
  expect(titleWords({ ...run, name: '' })).toBe('livetrain');
  expect(titleWords({ ...run, status: 'constructor', share: null, loss: undefined })).toBe(
    'digits · livetrain',
  );
});
