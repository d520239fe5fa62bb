/**
 * Exponential moving average, without the bias towards zero at the start.
 *
 * @param weights how many raw points each value stands for: a merged point pulls as hard as those it stands for.
 * @param amount 0 (none) to below 1; 0.9 is roughly the mean of the last 10 raw points.
 */
export function smooth(values: readonly number[], weights: readonly number[], amount: number): number[] {
  if (amount <= 0) return values.slice();
  let average = 0;
  let mass = 0;
  return values.map((value, i) => {
    const keep = amount ** (weights[i] ?? 1);
    average = average * keep + value * (1 - keep);
    mass = mass * keep + (1 - keep);
    return mass > 0 ? average / mass : value;
  });
}
