/** One start of a training: older ones do not count from its first step on. */
export interface AttemptView {
  attempt: number;
  fromStep: number;
}
