/** The worker of one run's page: the socket and all decoding live here, so that a busy page delays neither. */
import { Feed } from './feed';
import type { FromWorker, ToWorker } from './messages';

let feed: Feed | null = null;

const emit = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case 'open':
      feed?.stop();
      feed = new Feed(data.url, emit, data.name);
      break;
    case 'introduce':
      feed?.introduce(data.name);
      break;
    case 'watchRank':
      feed?.watchRank(data.rank);
      break;
    case 'painted':
      feed?.painted(data.number);
      break;
    case 'wake':
      feed?.wake();
      break;
    case 'stop':
      feed?.stop();
      feed = null;
      break;
  }
};
