/** What a chart says in words: warnings, what is out of view, and itself to those who do not see it. */
import { formatCount, formatMetric } from '../format';
import type { YRange } from './range';
import type { Tip } from './tip';

export interface NamedTip {
  label: string;
  tip: Tip | undefined;
}

const finite = (tip: Tip): boolean => Number.isFinite(tip.value);

/** What is wrong with a curve's values; empty: nothing is. */
function warningOf(tip: Tip): string {
  if (tip.nonfinite === 0) return '';
  if (finite(tip)) return `${formatCount(tip.nonfinite)} not finite`;
  const until = tip.lastFiniteStep;
  const since = until === null ? 'never finite' : `finite until ${formatCount(until)}`;
  return `${formatMetric(tip.value)}, ${since}`;
}

/** A warning for every curve that has reason to one, each with its name where there are several. */
export function warningWords(curves: readonly NamedTip[]): string {
  const warnings = curves.flatMap(({ label, tip }) => {
    const warning = tip === undefined ? '' : warningOf(tip);
    return warning === '' ? [] : [curves.length > 1 ? `${label}: ${warning}` : warning];
  });
  return warnings.join('; ');
}

/** What lies outside of view; empty: nothing does. */
export function beyondWords({ above, below, highest, lowest }: YRange): string {
  const count = above + below;
  if (count === 0) return '';
  const ends = [above > 0 && `↑ ${formatMetric(highest)}`, below > 0 && `↓ ${formatMetric(lowest)}`];
  return `${formatCount(count)} ${count === 1 ? 'point' : 'points'} beyond ${ends.filter(Boolean).join(' ')}`;
}

/** The chart in a sentence. */
export function chartWords(title: string, curves: readonly NamedTip[]): string {
  const words = curves.map(({ label, tip }) => `${label} ${formatMetric(tip?.value)}`);
  return `${title}: ${words.join(', ')}`;
}
