/** Generated pictures that a training recorded: what is known of each. The picture itself is fetched by its address. */
import type { TelemetryRequest } from '../gen/livetrain/proto/telemetry_pb';

export interface SampleView {
  id: string;
  /** "default" or "custom", or whatever the training calls it. */
  kind: string;
  /** Empty: none was said. */
  prompt: string;
  step: number;
  epoch: number;
  timeMs: number;
  width: number;
  height: number;
}

/** null: the record is no sample, or one without a picture. */
export function sampleOf(record: TelemetryRequest, receivedMs: number): SampleView | null {
  const { payload } = record;
  if (payload.case !== 'sample') return null;
  const { sampleId, kind, prompt, step, epoch, image } = payload.value;
  if (sampleId === '' || image?.error !== '') return null;
  const timeMs = Number(record.timestampMs) || receivedMs;
  const { width, height } = image;
  return { id: sampleId, kind, prompt, step: Number(step), epoch, timeMs, width, height };
}

/** Two lists into one, each sample once, the newest first, the first `keep` of them. */
export function mergeSamples(
  old: readonly SampleView[],
  fresh: readonly SampleView[],
  keep = 200,
): readonly SampleView[] {
  const known = new Set(old.map(({ id }) => id));
  const added = fresh.filter(
    ({ id }, at) => !known.has(id) && fresh.findIndex((one) => one.id === id) === at,
  );
  if (added.length === 0) return old;
  return [...added, ...old].sort((a, b) => b.timeMs - a.timeMs || b.step - a.step).slice(0, keep);
}

export const pictureAddress = (runId: string, sampleId: string): string =>
  `/api/runs/${encodeURIComponent(runId)}/samples/${encodeURIComponent(sampleId)}`;

/** What a sample is, in words, for those who do not see it. */
export const sampleWords = ({ prompt, kind, step }: SampleView): string =>
  `${prompt === '' ? `A sample${kind === 'custom' ? ' that was asked for' : ''}` : prompt}, step ${step}`;
