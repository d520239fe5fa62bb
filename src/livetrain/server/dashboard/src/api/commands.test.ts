import { expect, it } from 'vitest';
import { readCommand } from './commands';

const row = {
  command_id: 'c1',
  verb: 'set',
  parameters: { learning_rate: '0.001' },
  state: 'applied',
  applied_step: 120,
  message: '',
  values: { learning_rate: '0.001' },
  ranks: [0, 1],
  issued_by: 'ada',
  issued_at: 1_700_000_000.5,
  expires_at: 1_700_000_060.5,
};

it('reads a command', () => {
  expect(readCommand(row)).toMatchObject({
    id: 'c1',
    verb: 'set',
    state: 'applied',
    appliedStep: 120,
    issuedBy: 'ada',
    issuedMs: 1_700_000_000_500,
    ranks: [0, 1],
  });
  expect(readCommand({ ...row, applied_step: null, ranks: null })).toMatchObject({
    appliedStep: null,
    ranks: [],
  });
});

it('takes nothing that it cannot read', () => {
  expect([readCommand(null), readCommand({}), readCommand({ ...row, state: 'odd' })]).toEqual([
    null,
    null,
    null,
  ]);
});
