/** A curve at a glance: by step, broken where it is not finite. */

export interface Spark {
  /** Ascending. */
  steps: readonly number[];
  /** NaN: not finite there. */
  values: readonly number[];
}

const finite = (values: readonly number[]): number[] => values.filter((value) => Number.isFinite(value));

/** The least and the greatest without a copy on the stack; equal where there is only one. */
function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/**
 * An SVG path, fitted into a box: x by step, the lowest value at the bottom. A value that is alone between two that are not
 * finite is a dot. Empty: there is nothing to draw.
 */
export function sparkPath({ steps, values }: Spark, width: number, height: number): string {
  const [first, last] = extent(steps);
  const [low, high] = extent(finite(values));
  if (values.length < 2 || low > high || !(last > first)) return '';
  // Halved first: the span of two huge values is finite then.
  const span = high / 2 - low / 2;
  const parts: string[] = [];
  let on = false;
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      on = false;
      return;
    }
    const x = (((steps[i] ?? 0) - first) / (last - first)) * width;
    const y = span > 0 ? height - ((value / 2 - low / 2) / span) * height : height / 2;
    const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
    const alone = !on && !Number.isFinite(values[i + 1] ?? Number.NaN);
    parts.push(on ? `L${at}` : `M${at}${alone ? 'h0.01' : ''}`);
    on = true;
  });
  return parts.join('');
}
