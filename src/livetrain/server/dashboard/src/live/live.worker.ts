/**
 * The worker of one run's page: socket, decoding and painting live here, so that neither a busy page delays the picture nor the
 * picture the page.
 */
import { Mosaic } from '../paint/mosaic';
import { Painter } from '../paint/painter';
import { Feed } from './feed';
import type { FromWorker, ToWorker } from './messages';

let feed: Feed | null = null;

const emit = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

const painter = new Painter(
  (number) => feed?.painted(number),
  (report) =>
    emit(
      { type: 'painted', report: { ...report, replaced: report.replaced + (feed?.undecoded ?? 0) } },
      report.closeUp ? [report.closeUp] : [],
    ),
);

function take(message: ToWorker): void {
  switch (message.type) {
    case 'open':
      feed = new Feed(
        message.url,
        (said) => {
          if (said.type === 'back' && said.caughtUp.reset) painter.restart();
          emit(said);
        },
        (frame) => painter.put(frame),
        (told, transfer = []) => message.curves.postMessage(told, transfer),
        message.name,
      );
      return;
    case 'introduce':
      return feed?.introduce(message.name);
    case 'watchRank':
      return feed?.watchRank(message.rank);
    case 'stage':
      return painter.attach(new Mosaic(message.canvas, message.palette));
    case 'unstage':
      return painter.attach(null);
    case 'resize':
      return painter.resize(message.width, message.scale);
    case 'palette':
      return painter.recolour(message.palette);
    case 'order':
      return painter.setOrder(message.order);
    case 'contrast':
      return painter.setContrast(message.stretched);
    case 'look':
      return painter.look(message.closeUp);
    case 'hold':
      return painter.hold(message.held);
    case 'visible':
      return painter.show(message.visible);
    case 'wake':
      return feed?.wake();
    case 'stop':
      painter.stop();
      feed?.stop();
      feed = null;
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => take(data);
