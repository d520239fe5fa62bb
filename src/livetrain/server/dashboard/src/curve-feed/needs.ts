/** What has to be asked for, so that a curve can be drawn as a page looks at it. Pure. */
import type { CurveQuestion } from '../api/metrics';
import type { AttemptView } from '../lib/attempts';
import { placingOf } from '../lib/curves/axis';
import { FEW_POINTS, PASSES_POINTS, type KnownCurve } from '../lib/curves/known-curve';
import { missingOf, type ViewOptions } from '../lib/curves/view';

/** Earlier starts of a training that are shown beside what counts. */
const OLDER = 3;

/** Earlier starts and the step from which each does not count, the newest first. */
export function replacedAttempts(attempts: readonly AttemptView[]): AttemptView[] {
  return attempts
    .slice(0, -1)
    .map(({ attempt }, i) => ({
      attempt,
      fromStep: Math.min(...attempts.slice(i + 1).map(({ fromStep }) => fromStep)),
    }))
    .reverse()
    .slice(0, OLDER);
}

/**
 * @param points how many the curve has.
 * @param knownOlder the earlier starts of which is known what they had.
 */
export function needsOf(
  curve: KnownCurve,
  points: number,
  view: ViewOptions,
  attempts: readonly AttemptView[],
  knownOlder: ReadonlySet<number>,
): CurveQuestion[] {
  const placing = placingOf(view);
  const needs: CurveQuestion[] = [];
  const whole = curve.whole(placing);
  if (curve.points === null) {
    if (whole === null) needs.push(points <= FEW_POINTS ? { kind: 'points' } : { kind: 'whole', placing });
    else if (placing === 'step' && points <= PASSES_POINTS && curve.restarts) needs.push({ kind: 'points' });
  } else if (curve.grown) {
    needs.push({ kind: 'whole', placing });
  }
  for (const run of missingOf(curve, view)) needs.push({ kind: 'tiles', run });
  for (const { attempt, fromStep } of replacedAttempts(attempts)) {
    if (!knownOlder.has(attempt)) needs.push({ kind: 'older', placing, attempt, fromStep });
  }
  return needs;
}
