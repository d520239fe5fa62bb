import { expect, it } from 'vitest';
import { frameWords, judge, rightWords } from './frame-facts';
import type { Tile } from './tile';

const tile = (right: boolean | null) => ({ right }) as Tile;

it('counts what is right of what can be judged, and has no words where nothing can', () => {
  expect(rightWords(judge([tile(true), tile(false), tile(null)]))).toBe('1 of 2 right');
  expect(rightWords(judge([tile(null)]))).toBe('');
});

it('says which frame it is', () => {
  expect(frameWords({ step: 1240, rank: 0 })).toBe('step 1,240');
  expect(frameWords({ step: 0, rank: 3 })).toBe('step 0, rank 3');
});
