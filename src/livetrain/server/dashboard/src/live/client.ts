/** The page's end of the worker. */
import type { FromWorker, ToWorker } from './messages';

export class LiveClient {
  private readonly worker: Worker;
  private readonly wake = () => {
    if (!document.hidden) this.post({ type: 'wake' });
  };

  /** @param name who watches; empty: they do not say. */
  constructor(runId: string, name: string, take: (message: FromWorker) => void) {
    this.worker = new Worker(new URL('./live.worker.ts', import.meta.url), {
      type: 'module',
      name: 'livetrain',
    });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => take(data);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.post({
      type: 'open',
      url: `${scheme}//${location.host}/api/runs/${encodeURIComponent(runId)}/live`,
      name,
    });
    window.addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.wake);
  }

  painted(number: number): void {
    this.post({ type: 'painted', number });
  }

  introduce(name: string): void {
    this.post({ type: 'introduce', name });
  }

  watchRank(rank: number): void {
    this.post({ type: 'watchRank', rank });
  }

  retryNow(): void {
    this.post({ type: 'wake' });
  }

  close(): void {
    window.removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.wake);
    // Said first: the server hears a closed socket at once rather than after its time-out.
    this.post({ type: 'stop' });
    setTimeout(() => this.worker.terminate(), 500);
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}
