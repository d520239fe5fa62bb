/** The title of a run's tab: how it stands, how far it is, and its loss, for whoever looks at another tab. */
import { formatMetric, formatPercent } from './format';
import { isOver } from './words';

interface Told {
  /** Empty: not known yet. */
  name: string;
  status: string;
  contact: string;
  /** The part of the plan that is done; null: not known. */
  share: number | null;
  /** The newest; undefined: none. */
  loss: number | undefined;
}

const SIGNS = new Map([
  ['running', '●'],
  ['paused', '❚❚'],
  ['finished', '✓'],
  ['failed', '✗'],
  ['interrupted', '■'],
]);

export function titleWords({ name, status, contact, share, loss }: Told): string {
  if (name === '') return 'livetrain';
  const over = isOver(status);
  const sign = !over && (contact === 'stale' || contact === 'lost') ? '?' : SIGNS.get(status);
  const far = over || share === null || share > 1 ? '' : formatPercent(Math.floor(share * 100) / 100);
  const words = [sign, far, loss === undefined ? '' : `loss ${formatMetric(loss)}`].filter(Boolean).join(' ');
  return [words, name, 'livetrain'].filter(Boolean).join(' · ');
}
