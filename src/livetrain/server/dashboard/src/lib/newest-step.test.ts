import { describe, expect, it } from 'vitest';
import { laterStep, stateStep, type StepAt } from './newest-step';

const at = (step: number, timeMs: number, attempt = 1): StepAt => ({ step, timeMs, attempt });

describe('of two records', () => {
  it('the later one counts, not the higher', () => {
    expect(laterStep(at(999, 10), at(649, 20)).step).toBe(649);
    expect(laterStep(at(649, 20), at(999, 10)).step).toBe(649);
    expect(laterStep(null, at(0, 0)).step).toBe(0);
    expect(laterStep(at(3, 10), at(4, 10)).step).toBe(4);
  });

  it('a new attempt counts whatever its clock says, and keeps counting', () => {
    const resumed = laterStep(at(999, 50), at(500, 20, 2));
    expect(resumed).toEqual(at(500, 20, 2));
    // What the first attempt's spool brings late.
    expect(laterStep(resumed, at(1000, 60, 1)).step).toBe(500);
  });

  it('one without an attempt is of the newest', () => {
    expect(laterStep(at(500, 20, 2), at(501, 21, 0))).toEqual(at(501, 21, 2));
  });
});

describe('the state of the run', () => {
  it('says where it is when nothing else does', () => {
    expect(stateStep(null, 130, 1)?.step).toBe(129);
    expect(stateStep(null, 0, 1)).toBeNull();
    expect(stateStep(at(999, 10), 501, 2)?.step).toBe(500);
  });

  it('does not take it back', () => {
    expect(stateStep(at(500, 10, 2), 1000, 1)?.step).toBe(500);
    expect(stateStep(at(129, 10), 120, 1)?.step).toBe(129);
    expect(stateStep(at(129, 10), 140, 1)?.step).toBe(139);
  });
});
