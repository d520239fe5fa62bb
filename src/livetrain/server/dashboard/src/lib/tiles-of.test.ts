import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { BatchDataSchema } from '../gen/livetrain/proto/telemetry_pb';
import { tilesOf } from './tiles-of';

const names = ['cat', 'dog'];

it('joins predictions, truth, losses and ids by position', () => {
  const batch = create(BatchDataSchema, {
    strip: { count: 3 },
    predictions: [
      { predictedClass: 1, confidence: 0.75, topKScores: [{ classIdx: 0, score: 0.25 }] },
      { predictedClass: 0, predictedLabel: 'tom', confidence: 0.5 },
    ],
    groundTruth: [1, 1, -1],
    perSampleLoss: [0.5],
    sampleIds: ['a'],
  });
  const [first, second, third] = tilesOf(batch, names);
  expect(first).toMatchObject({ label: 'dog', truth: { label: 'dog' }, right: true, loss: 0.5, id: 'a' });
  expect(first?.top).toEqual([{ index: 0, label: 'cat', score: 0.25 }]);
  expect(second).toMatchObject({ label: 'tom', right: false, loss: null });
  expect(third).toMatchObject({ index: -1, truth: null, right: null });
});

it('has a name for a class without one, and says why a picture is missing', () => {
  const batch = create(BatchDataSchema, { images: [{ error: 'shape (3,)' }], groundTruth: [7] });
  expect(tilesOf(batch, names)).toMatchObject([{ truth: { label: '7' }, error: 'shape (3,)' }]);
});

it('takes the exact loss of a sample where a float is not', () => {
  const batch = create(BatchDataSchema, {
    strip: { count: 2 },
    perSampleLoss: [Infinity, 0.5],
    exactPerSampleLoss: [1e39, 0.5],
  });
  expect(tilesOf(batch, names)).toMatchObject([{ loss: 1e39 }, { loss: 0.5 }]);
});

it('has no confidence and no loss where none was told, and those that were, a 0 and NaN too', () => {
  const batch = create(BatchDataSchema, {
    strip: { count: 4 },
    predictions: [
      { predictedClass: 1 },
      { predictedClass: 1, confidence: 0 },
      { predictedClass: 0, confidence: 1 },
    ],
    perSampleLoss: [Number.NaN, Number.NaN, 0.1, 0],
    exactPerSampleLoss: [Number.NaN, Number.NaN, 0.1, 0],
    untoldLosses: [1],
  });
  const tiles = tilesOf(batch, names);
  expect(tiles.map((tile) => tile.confidence)).toEqual([null, 0, 1, null]);
  expect(tiles.map((tile) => tile.loss)).toEqual([Number.NaN, null, 0.1, 0]);
});

it('shows sixteen at most', () => {
  expect(tilesOf(create(BatchDataSchema, { strip: { count: 40 } }), names)).toHaveLength(16);
});
