/** A curve's colour: validation and epoch means are told from the batches' own curve, whatever the chart. */
import { seriesLabel } from '../lib/metric-groups';
import type { PictureInk } from '../paint/curve-picture';

const BY_GROUP = new Map([
  ['loss', '--series-1'],
  ['accuracy', '--series-2'],
  ['learning_rate', '--series-3'],
  ['lr', '--series-3'],
]);
const OTHERS = ['--series-4', '--series-1', '--series-2', '--series-3'];

export function seriesToken(groupKey: string, name: string, index: number): string {
  const label = seriesLabel(name);
  if (label === 'validation') return '--series-val';
  if (label === 'epoch mean' && index > 0) return '--series-mean';
  return (index === 0 ? BY_GROUP.get(groupKey) : undefined) ?? OTHERS[index % OTHERS.length] ?? '--series-1';
}

export const token = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** What axes and marks are drawn with. */
export const inkOf = (): PictureInk => ({
  font: `11px ${token('--font')}`,
  text: token('--muted'),
  grid: token('--line'),
  bad: token('--wrong'),
});
