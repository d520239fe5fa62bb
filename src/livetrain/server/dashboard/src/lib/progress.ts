/** Where in its plan a run is, from what little may be known of it. */

export interface Plan {
  totalEpochs: number;
  batchesPerEpoch: number;
}

/** Epochs are counted from 0 on the wire and from 1 on the page; an epoch past the plan shows as its last. */
export function epochWords(epoch: number, totalEpochs: number): string {
  if (totalEpochs === 0) return String(epoch + 1);
  return `${Math.min(epoch + 1, totalEpochs)} of ${totalEpochs}`;
}

/** 0 to 1, or null when the plan is not known. */
export function shareDone(steps: number, epoch: number, plan: Plan): number | null {
  if (plan.totalEpochs === 0) return null;
  if (plan.batchesPerEpoch === 0) return Math.min(1, epoch / plan.totalEpochs);
  return Math.min(1, steps / (plan.totalEpochs * plan.batchesPerEpoch));
}

/** Seconds: what the trainer says, else what its pace since the start says, else null. */
export function remainingSeconds(told: number, share: number | null, elapsedSeconds: number): number | null {
  if (told > 0) return told;
  if (share === null || share < 0.005) return null;
  return (elapsedSeconds * (1 - share)) / share;
}
