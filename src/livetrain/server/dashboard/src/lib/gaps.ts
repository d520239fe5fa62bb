/** Where records of a run were left out: stretches of steps, to be marked on every curve. */
import { formatCount } from './format';
import type { Mark } from './marks';

/** The curve of records left out, as the server names it; a further rank's is `rank1/…`. */
export const LEFT_OUT = 'livetrain/left_out';

/** It is drawn as marks on the others, and is no chart of its own. */
export const isLeftOut = (name: string): boolean => name === LEFT_OUT || name.endsWith(`/${LEFT_OUT}`);

export interface Gap {
  from: number;
  to: number;
  records: number;
}

/** Of a thinned stretch some records are still there, and of its places a page keeps a part: what is this near is one gap. */
const NEAR_STEPS = 16;
const NEAR_SHARE = 0.01;

/**
 * @param line the places where records were left out, by step, and how many at each.
 * @param lastStep of the run.
 */
export function gapsOf(
  line: { steps: readonly number[]; weights: readonly number[] },
  lastStep: number,
): Gap[] {
  const near = Math.max(NEAR_STEPS, lastStep * NEAR_SHARE);
  const gaps: Gap[] = [];
  line.steps.forEach((step, i) => {
    const records = line.weights[i] ?? 1;
    const last = gaps.at(-1);
    // A zero is where a longer gap ends.
    if (last !== undefined && (records === 0 || step - last.to <= near)) {
      last.to = step;
      last.records += records;
    } else {
      gaps.push({ from: step, to: step, records });
    }
  });
  return gaps;
}

/** A flag at the beginning of each gap, which says what is missing. */
export function gapMarks(gaps: readonly Gap[]): Mark[] {
  return gaps.map(({ from, to, records }) => {
    const count = Math.round(records);
    const what = `${formatCount(count)} ${count === 1 ? 'record was' : 'records were'} left out`;
    const where =
      from === to ? `at step ${formatCount(from)}` : `from step ${formatCount(from)} to ${formatCount(to)}`;
    return { id: `gap${from}`, step: from, sign: '⋯', text: `${what} ${where}` };
  });
}
