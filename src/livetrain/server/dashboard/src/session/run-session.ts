/** All that is alive behind one run's page: composes, no algorithm of its own. */
import { commandEntry, sentence } from '../lib/command-words';
import { learn, newlyFinal, type CommandPart } from '../lib/commands';
import { CurveSet } from '../lib/curve-set';
import { mergeEntries, type Entry } from '../lib/entries';
import { judge } from '../lib/frame-facts';
import { caughtUpWords, formatDuration } from '../lib/format';
import { isLeftOut } from '../lib/gaps';
import { learnRounds } from '../lib/rounds';
import { mergeSamples, type SampleView } from '../lib/samples';
import { framesLeftOut } from '../lib/stripped';
import { LiveClient } from '../live/client';
import type { CaughtUp, FromWorker, FrameView } from '../live/messages';
import type { Mosaic } from '../paint/mosaic';
import { usePrefs } from '../store/prefs-store';
import { createRunStore, type RunPage } from '../store/run-store';
import { FrameLoop } from './frame-loop';
import { exposeProbe } from './probe';

/** The page's words and charts change this often; only the tiles are faster. */
const FLUSH_MS = 250;

export class RunSession {
  readonly store = createRunStore();
  readonly curves = new CurveSet();
  private readonly client: LiveClient;
  private readonly loop: FrameLoop;
  private readonly probe: (frame: FrameView) => void;
  private readonly flushTimer: number;
  private pending: Partial<RunPage> = {};
  private frame: FrameView | null = null;
  private undecoded = 0;
  private freshEntries: Entry[] = [];
  private stripped: Record<string, number> = {};
  private mosaic: Mosaic | null = null;
  private readonly forgetName: () => void;
  private readonly watchers = new Set<() => void>();

  constructor(readonly runId: string) {
    const { name } = usePrefs.getState();
    this.client = new LiveClient(runId, name ?? '', (message) => this.take(message));
    this.forgetName = usePrefs.subscribe((prefs, before) => {
      if (prefs.name !== before.name) this.client.introduce(prefs.name ?? '');
    });
    this.loop = new FrameLoop(
      (number) => this.client.painted(number),
      (frame) => {
        this.frame = frame;
        this.probe(frame);
      },
    );
    this.probe = exposeProbe(this.loop);
    this.flushTimer = window.setInterval(() => this.flush(), FLUSH_MS);
  }

  attach(mosaic: Mosaic | null): void {
    this.mosaic?.free();
    this.mosaic = mosaic;
    this.loop.attach(mosaic);
  }

  get tiles(): Mosaic | null {
    return this.mosaic;
  }

  /** Called after each flush, a few times a second, when a new frame was painted. */
  onTiles(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  hold(held: boolean): void {
    this.loop.hold(held);
    this.store.setState({ held });
  }

  /**
   * What somebody says of commands goes into the page.
   *
   * @param fresh it happens now, and is worth saying aloud.
   */
  learn(parts: readonly CommandPart[], fresh: boolean): void {
    if (parts.length === 0) return;
    const before = this.store.getState().commands;
    const commands = learn(before, parts);
    const ended = newlyFinal(before, commands);
    this.freshEntries.push(...ended.map(commandEntry));
    const last = ended.at(-1);
    // At once: whoever gave a command looks for what becomes of it.
    this.store.setState({ commands, ...(fresh && last ? { announcement: `${sentence(last)}.` } : {}) });
  }

  /** Samples that somebody knows of go into the page. */
  learnSamples(found: readonly SampleView[]): void {
    const samples = mergeSamples(this.store.getState().samples, found);
    if (samples !== this.store.getState().samples) this.store.setState({ samples });
  }

  /** Show the pictures of this rank from now on. */
  watchRank(rank: number): void {
    this.client.watchRank(rank);
    this.store.setState({ shownRank: rank });
  }

  retryNow(): void {
    this.client.retryNow();
  }

  close(): void {
    window.clearInterval(this.flushTimer);
    this.forgetName();
    this.loop.stop();
    this.attach(null);
    this.client.close();
  }

  private take(message: FromWorker): void {
    switch (message.type) {
      case 'frame':
        return this.loop.put(message.frame);
      case 'events':
        this.curves.append(message.points);
        this.freshEntries.push(...message.entries);
        this.learn(message.commands, message.fresh);
        this.learnSamples(message.samples);
        if (message.rounds.length > 0) {
          this.store.setState(({ rounds }) => ({ rounds: learnRounds(rounds, message.rounds) }));
        }
        for (const [reason, n] of Object.entries(message.stripped)) {
          this.stripped[reason] = (this.stripped[reason] ?? 0) + n;
        }
        if (message.step >= 0) this.pending.step = Math.max(message.step, this.pending.step ?? 0);
        if (message.epoch >= 0) this.pending.epoch = message.epoch;
        return;
      case 'curves':
        return this.curves.replace(message.curves);
      case 'state': {
        const { run } = message;
        if (run.steps > 0) this.pending.step = Math.max(run.steps - 1, this.pending.step ?? 0);
        this.pending.epoch = run.epoch;
        // At once: a run that ends or falls silent is not to be seen late.
        return this.store.setState({ run });
      }
      case 'performance':
        this.pending.performance = message.performance;
        return;
      case 'viewers':
        this.pending.viewers = message.viewers;
        this.pending.names = message.names;
        return;
      case 'back':
        return this.back(message.caughtUp);
      case 'link': {
        const lostAtMs = message.link.phase === 'live' ? null : Date.now() - message.sinceMs;
        return this.store.setState({ link: message.link, lostAtMs });
      }
    }
  }

  private back(caughtUp: CaughtUp): void {
    const atMs = Date.now();
    const away = formatDuration(caughtUp.awayMs / 1000);
    const text = caughtUp.reset
      ? `Connected again after ${away}: the server's store is another one, so the page starts over`
      : `Connected again after ${away}, ${caughtUpWords(caughtUp.events)}`;
    if (caughtUp.reset) {
      this.loop.restart();
      this.freshEntries = [];
      this.pending = {};
      const empty = { entries: [], commands: new Map(), samples: [], rounds: [] };
      this.store.setState({ ...empty, step: null, frame: null });
    }
    this.freshEntries.push({
      key: `c${atMs}`,
      timeMs: atMs,
      kind: 'connection',
      level: 'good',
      text,
      step: null,
    });
    this.store.setState({ back: { ...caughtUp, atMs } });
  }

  private flush(): void {
    const now = this.store.getState();
    const next: Partial<RunPage> = this.pending;
    this.pending = {};
    if (this.freshEntries.length > 0) next.entries = mergeEntries(now.entries, this.freshEntries.splice(0));
    if (this.curves.version !== now.curvesVersion) next.curvesVersion = this.curves.version;
    const names = this.curves.names().filter((name) => !isLeftOut(name));
    if (names.length !== now.metricNames.length) next.metricNames = names;
    if (this.frame !== null) {
      const { number, step, epoch, rank, tiles, undecoded } = this.frame;
      this.undecoded = undecoded;
      next.frame = { number, step, epoch, rank, ...judge(tiles) };
      next.step = Math.max(next.step ?? 0, step);
    }
    if (typeof next.step === 'number') next.step = Math.max(next.step, now.step ?? 0);
    next.rates = {
      fps: this.loop.fps.rate(performance.now()),
      p50: this.loop.latencies.quantile(0.5),
      p99: this.loop.latencies.quantile(0.99),
    };
    next.leftOut = {
      // What this page counted by itself stands in until the trainer reports its totals.
      trainer: framesLeftOut(now.run?.report?.stripped ?? this.stripped),
      server: this.frame?.serverSkipped ?? now.leftOut.server,
      browser: this.loop.replaced + this.undecoded,
      records: now.run?.report?.dropped ?? {},
    };
    this.store.setState(next);
    if (this.frame !== null) {
      this.frame = null;
      for (const watcher of this.watchers) watcher();
    }
  }
}
