/** From a batch on the wire to sixteen tiles. */
import type { BatchData, Prediction } from '../gen/livetrain/proto/telemetry_pb';
import type { Tile } from './tile';

export const TILES = 16;

/** How many tiles the batch has pictures or errors for. */
export function tileCount(batch: BatchData): number {
  return Math.min(TILES, batch.strip?.count ?? batch.images.length);
}

/** As trainers do: a class without a name goes by its number. */
function className(index: number, names: readonly string[]): string {
  return index < 0 ? '' : (names[index] ?? String(index));
}

function predicted(prediction: Prediction | undefined, names: readonly string[]) {
  if (prediction === undefined) return { index: -1, label: '', confidence: null, top: [] };
  const { predictedClass: index, predictedLabel, confidence } = prediction;
  const top = prediction.topKScores.map(({ classIdx, label, score }) => ({
    index: classIdx,
    label: label || className(classIdx, names),
    score,
  }));
  return { index, label: predictedLabel || className(index, names), confidence: confidence ?? null, top };
}

/** @param names the class names of the run, by index; may be shorter than the classes. */
export function tilesOf(batch: BatchData, names: readonly string[]): Tile[] {
  return Array.from({ length: tileCount(batch) }, (_, i) => {
    const { index, label, confidence, top } = predicted(batch.predictions[i], names);
    const truthIndex = batch.groundTruth[i] ?? -1;
    const truth = truthIndex < 0 ? null : { index: truthIndex, label: className(truthIndex, names) };
    return {
      index,
      label,
      confidence,
      truth,
      right: truth === null || index < 0 ? null : index === truthIndex,
      top,
      loss: batch.untoldLosses.includes(i)
        ? null
        : (batch.exactPerSampleLoss[i] ?? batch.perSampleLoss[i] ?? null),
      id: batch.sampleIds[i] ?? batch.images[i]?.imageId ?? '',
      caption: batch.captions[i] ?? '',
      error: batch.images[i]?.error ?? '',
    };
  });
}
