import { describe, expect, it } from 'vitest';
import { coarserLevel, levelAt, levelFor, widthAt } from './grid';

describe('the grid', () => {
  it('has powers of two in steps, and 1, 2, 5 in time', () => {
    expect([0, 1, 2, 10].map((level) => widthAt('step', level))).toEqual([1, 2, 4, 1024]);
    expect([0, 1, 2, 3, 4, 18].map((level) => widthAt('time', level))).toEqual([1, 2, 5, 10, 20, 1e6]);
    expect(levelAt('step', 3)).toBe(2);
    expect(levelAt('time', 3e6)).toBe(20);
  });

  it('finds the finest level that is fine enough, at any alignment', () => {
    expect(levelFor('step', 0, 1023, 1024)).toBe(0);
    expect(levelFor('step', 0, 1024, 1024)).toBe(1);
    // 2,048 steps from an odd one touch 1,025 pairs.
    expect(levelFor('step', 1, 2048, 1024)).toBe(2);
    expect(levelFor('step', 5, 5, 1)).toBe(0);
  });

  it('never puts stretches together that do not fill a coarser one', () => {
    for (let level = 0; level < 40; level++) {
      for (const placing of ['step', 'time'] as const) {
        const next = coarserLevel(placing, level);
        expect(widthAt(placing, next) % widthAt(placing, level)).toBe(0);
      }
    }
    expect(coarserLevel('time', 1)).toBe(3);
  });
});
