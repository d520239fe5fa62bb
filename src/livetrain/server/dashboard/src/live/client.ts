/** The page's end of the worker. */
import type { FromWorker, ToWorker } from './messages';

export class LiveClient {
  private readonly worker: Worker;
  private readonly wake = () => this.post({ type: 'wake' });
  private readonly seen = () => {
    this.post({ type: 'visible', visible: !document.hidden });
    if (!document.hidden) this.wake();
  };

  /**
   * @param name who watches; empty: they do not say.
   * @param curves where the worker of curves listens.
   */
  constructor(runId: string, name: string, curves: MessagePort, take: (message: FromWorker) => void) {
    this.worker = new Worker(new URL('./live.worker.ts', import.meta.url), {
      type: 'module',
      name: 'livetrain',
    });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => take(data);
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const open: ToWorker = {
      type: 'open',
      url: `${scheme}//${location.host}/api/runs/${encodeURIComponent(runId)}/live`,
      name,
      curves,
    };
    this.post(open, [curves]);
    this.post({ type: 'visible', visible: !document.hidden });
    window.addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.seen);
  }

  post(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  close(): void {
    window.removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.seen);
    // Said first: the server hears a closed socket at once rather than after its time-out.
    this.post({ type: 'stop' });
    setTimeout(() => this.worker.terminate(), 500);
  }
}
