import { describe, expect, it } from 'vitest';
import { confidenceInTruth, describeTile, headline, verdict, worstFirst, type Tile } from './tile';

const base: Tile = {
  index: 3,
  label: 'cat',
  confidence: 0.8,
  truth: { index: 3, label: 'cat' },
  right: true,
  top: [],
  loss: null,
  id: '',
  caption: '',
  error: '',
};
const dog = { index: 5, label: 'dog' };
const wrong: Tile = { ...base, truth: dog, right: false, top: [{ ...dog, score: 0.15 }] };

const untold = { ...base, confidence: null };

describe('worstFirst', () => {
  it('puts the wrong ones first where nobody told how sure the model was', () => {
    const wronged = { ...wrong, confidence: null, top: [] };
    expect(worstFirst([untold, wronged, untold, wronged])).toEqual([1, 3, 0, 2]);
  });

  it('takes a loss that was not told for no bad one', () => {
    expect(worstFirst([0.1, null, 0.2].map((loss) => ({ ...base, loss })))).toEqual([2, 0, 1]);
  });

  it('goes by the loss where there is one; a NaN is the worst', () => {
    const tiles = [0.1, 5, Number.NaN, 0.2].map((loss) => ({ ...base, loss }));
    expect(worstFirst(tiles)).toEqual([2, 1, 3, 0]);
  });

  it('goes by belief in the truth else, then by certainty of something else', () => {
    const sure = { ...wrong, confidence: 0.99, top: [] };
    const unsure = { ...wrong, confidence: 0.3, top: [] };
    expect(worstFirst([base, unsure, wrong, sure])).toEqual([3, 1, 2, 0]);
  });

  it('keeps the order of equals, and puts tiles without a picture last', () => {
    expect(worstFirst([base, { ...base, error: 'broken' }, base])).toEqual([0, 2, 1]);
  });
});

it('tells belief in the truth from belief in the prediction', () => {
  expect(confidenceInTruth(base)).toBe(0.8);
  expect(confidenceInTruth(wrong)).toBe(0.15);
  expect(confidenceInTruth({ ...wrong, top: [] })).toBe(0);
  expect(confidenceInTruth({ ...base, truth: null, right: null })).toBeNull();
  expect(confidenceInTruth(untold)).toBeNull();
  expect(confidenceInTruth({ ...wrong, confidence: null, top: [] })).toBeNull();
});

it('says a tile in words', () => {
  expect(describeTile(base)).toBe('cat, 80 %, right');
  expect(describeTile(untold)).toBe('cat, right');
  expect(describeTile(wrong)).toBe('cat, 80 %, wrong, truth dog');
  expect(describeTile({ ...base, error: 'shape (3,)' })).toBe('No picture: shape (3,)');
  expect(describeTile({ ...base, caption: '3.2 kg', truth: null, right: null })).toBe('3.2 kg');
});

it('has a headline for whatever is known', () => {
  expect(headline({ ...base, label: '', index: -1 })).toBe('–');
  expect([base, wrong, { ...base, right: null }].map(verdict)).toEqual(['right', 'wrong', 'unknown']);
});
