/** Where in ascending numbers. */

/** The first place whose number is at least `wanted`. */
export function placeFrom(numbers: Float64Array, wanted: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place whose number is nearest; null: there is none. */
export function placeNearest(numbers: Float64Array, wanted: number): number | null {
  if (numbers.length === 0) return null;
  const after = Math.min(placeFrom(numbers, wanted), numbers.length - 1);
  if (after === 0) return 0;
  const [left, right] = [numbers[after - 1] ?? 0, numbers[after] ?? 0];
  return wanted - left < right - wanted ? after - 1 : after;
}
