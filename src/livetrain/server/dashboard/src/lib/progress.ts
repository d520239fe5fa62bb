/** Where in its plan a run is, from what little may be known of it. */
import { formatCount, formatDuration } from './format';

export interface Plan {
  totalEpochs: number;
  batchesPerEpoch: number;
}

export interface Progress {
  /** The newest step that was logged, from 0; null: none yet. */
  step: number | null;
  /** The newest epoch, from 0. */
  epoch: number;
  plan: Plan;
}

/** Epochs are counted from 0 on the wire and from 1 on the page. Who counts from 1 in the training ends one past the plan. */
export function epochWords(epoch: number, totalEpochs: number): string {
  if (totalEpochs === 0) return formatCount(epoch + 1);
  if (epoch > totalEpochs) return `${formatCount(epoch + 1)}, beyond ${formatCount(totalEpochs)}`;
  return `${formatCount(Math.min(epoch + 1, totalEpochs))} of ${formatCount(totalEpochs)}`;
}

/** The part of the plan that is done, above 1 beyond its end; null: there is no plan, or not enough of one. */
export function shareDone({ step, epoch, plan }: Progress): number | null {
  if (plan.totalEpochs === 0 || step === null) return null;
  if (plan.batchesPerEpoch === 0) return Math.min(1, epoch / plan.totalEpochs);
  return (step + 1) / (plan.totalEpochs * plan.batchesPerEpoch);
}

export interface Pace {
  /** What the trainer says itself, seconds; 0: it does not. */
  told: number;
  /** A step, milliseconds, of late; 0: not known. */
  stepMs: number;
  /** Since the first step, seconds; null: not known. */
  elapsed: number | null;
  /** The training was started again, so that the time since its first step says nothing about its pace. */
  resumed: boolean;
}

/** How long it still takes: "3 min 05 s", "beyond plan", or "–" where nobody can know. */
export function timeLeftWords(progress: Progress, { told, stepMs, elapsed, resumed }: Pace): string {
  const share = shareDone(progress);
  if (share !== null && share > 1) return 'beyond plan';
  if (told > 0) return formatDuration(told);
  if (share === null) return '–';
  const { step, plan } = progress;
  const steps = plan.totalEpochs * plan.batchesPerEpoch;
  if (stepMs > 0 && steps > 0 && step !== null) return formatDuration(((steps - step - 1) * stepMs) / 1000);
  if (elapsed === null || resumed || share < 0.005) return '–';
  return formatDuration((elapsed * (1 - share)) / share);
}
