/** Steps that begin again: each time is a pass of its own, and no mean of all. */
import type { RawPoints } from './raw-points';

/** Going back by so much of what a pass has covered is no disorder any more. */
const BACK = 0.5;

/**
 * Which points belong to which pass, the oldest pass first; within a pass by ascending step.
 *
 * A step that was seen before begins a new pass, unless it is the newest one (several values at one step) or the next point goes on
 * from the newest one (a value that was added later).
 */
export function passesOf(points: RawPoints): Uint32Array[] {
  const { steps } = points;
  const byTime = points.order('time');
  const passes: number[][] = [];
  let pass: number[] = [];
  let seen = new Set<number>();
  let first = 0;
  let newest = -Infinity;
  byTime.forEach((at, i) => {
    const step = steps[at] ?? 0;
    const next = byTime[i + 1];
    const again = step < newest && (seen.has(step) || newest - step > Math.max(1, (newest - first) * BACK));
    const addedLater = next !== undefined && (steps[next] ?? 0) > newest;
    if (again && !addedLater) {
      passes.push(pass);
      pass = [];
      seen = new Set();
      newest = -Infinity;
    }
    if (pass.length === 0) first = step;
    pass.push(at);
    seen.add(step);
    newest = Math.max(newest, step);
  });
  if (pass.length > 0) passes.push(pass);
  return passes.map((members) =>
    Uint32Array.from(members).sort((a, b) => (steps[a] ?? 0) - (steps[b] ?? 0) || a - b),
  );
}
