/** All that is alive behind one run's page: composes, no algorithm of its own. */
import { commandEntry, sentence } from '../lib/command-words';
import { learn, newlyFinal, type CommandPart } from '../lib/commands';
import { CurveClient } from '../curve-feed/curve-client';
import { TipBook, type Tip } from '../lib/curves/tip';
import { mergeEntries, type Entry } from '../lib/entries';
import { judge } from '../lib/frame-facts';
import { caughtUpWords, formatDuration } from '../lib/format';
import { isLeftOut } from '../lib/gaps';
import { LatencyRing } from '../lib/latency-ring';
import { learnRounds } from '../lib/rounds';
import { mergeSamples, type SampleView } from '../lib/samples';
import { framesLeftOut, type Counts } from '../lib/stripped';
import { Whereabouts } from '../lib/whereabouts';
import { LiveClient } from '../live/client';
import type { CaughtUp, FromWorker } from '../live/messages';
import type { PaintReport } from '../paint/report';
import { usePrefs } from '../store/prefs-store';
import { createRunStore, type RunPage } from '../store/run-store';
import { exposeProbe } from './probe';
import { Stage } from './stage';

/** The page's words and charts change this often; only the tiles are faster. */
const FLUSH_MS = 250;
/** A clock that was set, here or there. */
const CLOCK_JUMP_MS = 2000;
const NONE: Counts = new Map();

export class RunSession {
  readonly store = createRunStore();
  readonly curves: CurveClient;
  /** The newest value of every curve, drawn or not. */
  readonly tips = new TipBook();
  readonly stage: Stage;
  private readonly client: LiveClient;
  private readonly latencies = new LatencyRing();
  private readonly probe = exposeProbe();
  private readonly flushTimer: number;
  private readonly where = new Whereabouts();
  private pending: Partial<RunPage> = {};
  private painted: PaintReport | null = null;
  private freshEntries: Entry[] = [];
  private readonly stripped = new Map<string, number>();
  private readonly forgetName: () => void;

  constructor(readonly runId: string) {
    const { name } = usePrefs.getState();
    const { port1, port2 } = new MessageChannel();
    this.curves = new CurveClient(runId, port2, {
      tips: (tips, fresh, metricCount) => this.learnTips(tips, fresh, metricCount),
      gaps: (gaps) => this.store.setState({ gaps }),
      listed: (listed) => this.store.setState({ listed }),
    });
    this.client = new LiveClient(runId, name ?? '', port1, (message) => this.take(message));
    this.stage = new Stage((message, transfer) => this.client.post(message, transfer));
    this.forgetName = usePrefs.subscribe((prefs, before) => {
      if (prefs.name !== before.name) this.client.post({ type: 'introduce', name: prefs.name ?? '' });
    });
    this.flushTimer = window.setInterval(() => this.flush(), FLUSH_MS);
  }

  hold(held: boolean): void {
    this.client.post({ type: 'hold', held });
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
    this.client.post({ type: 'watchRank', rank });
    this.store.setState({ shownRank: rank });
  }

  retryNow(): void {
    this.client.post({ type: 'wake' });
  }

  close(): void {
    window.clearInterval(this.flushTimer);
    this.forgetName();
    this.client.close();
    this.curves.close();
  }

  private learnTips(tips: readonly Tip[], fresh: boolean, metricCount: number): void {
    const named = this.tips.learn(tips, fresh);
    const names = named ? { metricNames: this.tips.names().filter((name) => !isLeftOut(name)) } : {};
    this.store.setState({ ...names, metricCount, curvesVersion: this.tips.version });
  }

  private take(message: FromWorker): void {
    switch (message.type) {
      case 'painted':
        return this.paintedNow(message.report);
      case 'events':
        this.freshEntries.push(...message.entries);
        this.learn(message.commands, message.fresh);
        this.learnSamples(message.samples);
        if (message.rounds.length > 0) {
          this.store.setState(({ rounds }) => ({ rounds: learnRounds(rounds, message.rounds) }));
        }
        for (const [reason, n] of Object.entries(message.stripped)) {
          this.stripped.set(reason, (this.stripped.get(reason) ?? 0) + n);
        }
        if (message.at !== null) {
          this.where.pass(message.at);
          this.pending.step = this.where.step;
        }
        if (message.epoch >= 0) this.pending.epoch = message.epoch;
        return;
      case 'state': {
        const { run, whole } = message;
        if (whole) this.where.restart();
        if (run.steps > 0 && !this.where.known) this.pending.step = run.steps - 1;
        this.pending.epoch = run.epoch;
        // At once: a run that ends or falls silent is not to be seen late.
        return this.store.setState({ run });
      }
      case 'beat':
        return this.heard(message.serverMs);
      case 'quiet':
        return this.store.setState({ quietMs: message.ms });
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
        const quiet = message.link.phase === 'live' ? {} : { quietMs: 0 };
        return this.store.setState({ link: message.link, lostAtMs, ...quiet });
      }
    }
  }

  /** A beat comes later than its clock says, never earlier: the greatest lead is the nearest. */
  private heard(serverMs: number): void {
    const ahead = serverMs - Date.now();
    const known = this.store.getState().serverAheadMs;
    if (known === null || ahead > known || Math.abs(ahead - known) > CLOCK_JUMP_MS) {
      this.store.setState({ serverAheadMs: ahead });
    }
  }

  private paintedNow(report: PaintReport): void {
    this.painted = report;
    for (const { latencyMs } of report.paints) if (latencyMs !== null) this.latencies.add(latencyMs);
    this.probe(report);
    this.stage.take(report);
  }

  private back(caughtUp: CaughtUp): void {
    const atMs = Date.now();
    const away = formatDuration(caughtUp.awayMs / 1000);
    const text = caughtUp.reset
      ? `Connected again after ${away}: the server's store is another one, so the page starts over`
      : `Connected again after ${away}, ${caughtUpWords(caughtUp.events)}`;
    if (caughtUp.reset) {
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
    const report = this.painted;
    this.painted = null;
    if (report !== null) {
      if (report.frame !== null) {
        const { number, step, epoch, rank, range, tiles, loggedUs } = report.frame;
        next.frame = { number, step, epoch, rank, range, ...judge(tiles) };
        // The newest picture that the server has may be older than what the run's state says, and that has no time.
        if (this.where.known && rank === 0) {
          this.where.pass({ step, timeUs: loggedUs - (now.run?.clockOffsetUs ?? 0) });
          next.step = this.where.step;
        }
      }
      next.rates = {
        fps: report.fps,
        p50: this.latencies.quantile(0.5),
        p99: this.latencies.quantile(0.99),
      };
    }
    next.leftOut = {
      // What this page counted by itself stands in until the trainer reports its totals.
      trainer: framesLeftOut(now.run?.report?.stripped ?? this.stripped),
      server: report?.frame?.serverSkipped ?? now.leftOut.server,
      browser: report?.replaced ?? now.leftOut.browser,
      records: now.run?.report?.dropped ?? NONE,
    };
    this.store.setState(next);
  }
}
