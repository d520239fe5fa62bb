/** The worker of a run's curves. A page that is busy delays none of what is done here, and neither delays a picture. */
import { CurveDesk } from './curve-desk';
import type { FromLive, ToCurves } from './messages';

let desk: CurveDesk | null = null;

self.onmessage = ({ data }: MessageEvent<ToCurves>) => {
  if (data.type !== 'open') return desk?.take(data);
  const opened = new CurveDesk(data.runId, (message, transfer) => self.postMessage(message, { transfer }));
  data.live.onmessage = ({ data }: MessageEvent<FromLive>) => opened.hear(data);
  desk = opened;
};
