/** Where a run is: the step that was logged last, which after a resume is not the highest one. */

export interface StepAt {
  step: number;
  /** By the trainer's clock, Unix milliseconds. */
  timeMs: number;
  /** Which start of the training; 0: not known, so the newest that is. */
  attempt: number;
}

/** The later of two; of equals the one that was heard last. */
export function laterStep(known: StepAt | null, heard: StepAt): StepAt {
  if (known === null) return heard;
  const attempt = heard.attempt || known.attempt;
  if (attempt !== known.attempt) return attempt > known.attempt ? heard : known;
  // Records of a spool come late; they are older than what came before them.
  return heard.timeMs >= known.timeMs ? { ...heard, attempt } : known;
}

/**
 * What the server's own word of a run's step changes.
 *
 * @param steps of the run's state: the newest step plus one; 0: none.
 * @param attempt the newest that the state knows.
 */
export function stateStep(known: StepAt | null, steps: number, attempt: number): StepAt | null {
  if (steps <= 0) return known;
  const said = { step: steps - 1, timeMs: known?.timeMs ?? 0, attempt };
  if (known === null || attempt > known.attempt) return said;
  // It may be older than the records that came meanwhile.
  return attempt === known.attempt && said.step > known.step ? said : known;
}
