/** What has to be asked for, so that a curve can be drawn as a page looks at it. Pure. */
import type { CurveQuestion } from '../api/metrics';
import type { Segment } from '../lib/attempts';
import { placingOf } from '../lib/curves/axis';
import { FEW_POINTS, PASSES_POINTS, type KnownCurve } from '../lib/curves/known-curve';
import { missingOf, type ViewOptions } from '../lib/curves/view';

/**
 * @param points how many the curve has, where it counts.
 * @param segment which start of the training it is of.
 */
export function needsOf(
  curve: KnownCurve,
  points: number,
  view: ViewOptions,
  { attempt, untilStep }: Segment,
): CurveQuestion[] {
  const placing = placingOf(view);
  const whole = curve.whole(placing);
  // What was replaced is not among the points that count: nobody knows how many it has.
  const few = (most: number) => untilStep === null && points <= most;
  const needs: CurveQuestion[] = [];
  if (curve.points === null) {
    if (whole === null)
      needs.push(few(FEW_POINTS) ? { kind: 'points', attempt } : { kind: 'whole', placing, attempt });
    else if (placing === 'step' && few(PASSES_POINTS) && curve.restarts)
      needs.push({ kind: 'points', attempt });
  } else if (curve.grown) {
    needs.push({ kind: 'whole', placing, attempt });
  }
  for (const run of missingOf(curve, view)) needs.push({ kind: 'tiles', run, attempt });
  return needs;
}
