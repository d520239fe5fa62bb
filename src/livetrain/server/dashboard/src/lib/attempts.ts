/** Starts of a training. */

/** One start of a training: older ones do not count from its first step on. */
export interface AttemptView {
  attempt: number;
  fromStep: number;
}

/** One start as curves know it. */
export interface Segment {
  /** From 1; 0: there was one start, and nobody asks for it by number. */
  attempt: number;
  /** From this step on it was replaced; null: it counts to its end. */
  untilStep: number | null;
}

/** Starts that are shown, the newest. */
const SHOWN = 8;

/** The starts of a training that are shown, the newest last. */
export function segmentsOf(attempts: readonly AttemptView[]): Segment[] {
  if (attempts.length < 2) return [{ attempt: 0, untilStep: null }];
  return attempts
    .map(({ attempt }, i) => {
      const later = attempts.slice(i + 1).map(({ fromStep }) => fromStep);
      return { attempt, untilStep: later.length > 0 ? Math.min(...later) : null };
    })
    .slice(-SHOWN);
}
