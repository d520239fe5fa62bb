/** The thin shell around the reconnect machine: one WebSocket at a time, timers, and nothing to decide. */
import { quietMs } from '../lib/quiet';
import { initialLink, step, type Link, type LinkAction, type LinkEvent } from '../lib/reconnect';

const FIRST_MESSAGE_MS = 5000;
const SILENCE_MS = 10_000;
const PROBE_MS = 3000;
const WATCH_MS = 2500;
const LISTEN_MS = 500;

export interface ConnectionHandlers {
  /** The socket is open: say hello. */
  opened(): void;
  message(data: Uint8Array): void;
  changed(link: Link, retryInMs: number | null): void;
  /** How long nothing came of a server that gives beats; 0: it is heard again. */
  quiet(ms: number): void;
}

export class Connection {
  private link: Link = initialLink;
  private socket: WebSocket | null = null;
  private waitTimer = 0;
  private watchTimer = 0;
  private heardAt = 0;
  private probing = false;
  private listenTimer = 0;
  private givesBeats = false;
  private quietFor = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: ConnectionHandlers,
  ) {}

  start(): void {
    this.dispatch({ type: 'start' });
    this.watchTimer = self.setInterval(() => void this.watch(), WATCH_MS);
    this.listenTimer = self.setInterval(() => this.listen(), LISTEN_MS);
  }

  wake(): void {
    this.dispatch({ type: 'wake' });
    void this.watch();
  }

  stop(): void {
    self.clearInterval(this.watchTimer);
    self.clearInterval(this.listenTimer);
    this.dispatch({ type: 'stop' });
  }

  /** This connection is of no more use; come again at once. */
  renew(reason: string): void {
    this.dispatch({ type: 'lost', code: 4000, reason });
  }

  /** The server gives a sign of life once a second: from now on its silence means something. */
  beats(): void {
    this.givesBeats = true;
  }

  send(bytes: Uint8Array): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes as Uint8Array<ArrayBuffer>);
  }

  private dispatch(event: LinkEvent): void {
    const [next, actions] = step(this.link, event, Math.random());
    const changed = next !== this.link;
    this.link = next;
    let retryInMs: number | null = null;
    for (const action of actions) {
      if (action.do === 'wait') retryInMs = action.ms;
      this.perform(action);
    }
    if (changed) this.handlers.changed(next, retryInMs);
  }

  private perform(action: LinkAction): void {
    self.clearTimeout(this.waitTimer);
    if (action.do === 'connect') this.connect();
    else if (action.do === 'wait')
      this.waitTimer = self.setTimeout(() => this.dispatch({ type: 'due' }), action.ms);
    else this.drop();
  }

  private drop(): void {
    const socket = this.socket;
    // Forgotten before it is closed, so that its own close event is no loss of the next one.
    this.socket = null;
    socket?.close();
  }

  private connect(): void {
    this.drop();
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.heardAt = performance.now();
    this.givesBeats = false;
    const current = () => this.socket === socket;
    socket.onopen = () => {
      if (current()) this.handlers.opened();
    };
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      if (!current()) return;
      this.heardAt = performance.now();
      if (this.quietFor > 0) this.listen();
      if (this.link.phase === 'connecting') this.dispatch({ type: 'ready' });
      this.handlers.message(new Uint8Array(event.data));
    };
    socket.onclose = (event) => {
      if (!current()) return;
      this.socket = null;
      this.dispatch({ type: 'lost', code: event.code, reason: event.reason });
    };
  }

  private listen(): void {
    const silent = this.link.phase === 'live' ? performance.now() - this.heardAt : 0;
    const quiet = quietMs(silent, this.givesBeats);
    if (quiet === 0 && this.quietFor === 0) return;
    this.quietFor = quiet;
    this.handlers.quiet(quiet);
  }

  /**
   * A link that is half open says nothing, and a paused training says nothing either: before it is given up the
   * server is asked by another way.
   */
  private async watch(): Promise<void> {
    const silentMs = performance.now() - this.heardAt;
    if (this.link.phase === 'connecting' && silentMs > FIRST_MESSAGE_MS)
      return this.dispatch({ type: 'silent' });
    if (this.link.phase !== 'live' || silentMs < SILENCE_MS || this.probing) return;
    this.probing = true;
    const answers = await fetch('/healthz', {
      signal: AbortSignal.timeout(PROBE_MS),
      cache: 'no-store',
    }).then(
      () => true,
      () => false,
    );
    this.probing = false;
    if (answers) this.heardAt = performance.now();
    else if (performance.now() - this.heardAt >= SILENCE_MS) this.dispatch({ type: 'silent' });
  }
}
