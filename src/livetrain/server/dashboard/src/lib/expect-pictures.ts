/** Whether a run has pictures to show: a training that logs numbers alone needs no place for any. */
import type { Counts } from './stripped';

interface Told {
  /** A picture is painted. */
  painted: boolean;
  over: boolean;
  /** It has logged something. */
  logged: boolean;
  /** What the trainer says of its pictures; null: nothing so far. */
  report: { framesSent: number; stripped: Counts } | null;
  /** There was time for the picture that the server has to be painted. */
  waited: boolean;
}

/** `waiting`: there may be some yet. */
export function expectPictures({
  painted,
  over,
  logged,
  report,
  waited,
}: Told): 'shown' | 'waiting' | 'none' {
  if (painted) return 'shown';
  const some = report !== null && (report.framesSent > 0 || report.stripped.size > 0);
  if (over) return waited || (report !== null && !some) ? 'none' : 'waiting';
  // The first frames are sent before the first report.
  return logged && report !== null && !some && waited ? 'none' : 'waiting';
}
