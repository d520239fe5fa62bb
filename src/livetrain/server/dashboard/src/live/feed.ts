/** One run's live feed: decodes what the server says, remembers how far it got, and grants frames. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  LiveMessageSchema,
  ViewerMessageSchema,
  type Curve,
  type Events,
  type Frame,
  type Presence,
  type Resumed,
  type RunEvent,
  type RunState,
  type Snapshot,
  type ViewerMessage,
} from '../gen/livetrain/proto/live_pb';
import type { FromLive } from '../curve-feed/messages';
import { commandPartOf } from '../lib/command-parts';
import type { CommandPart } from '../lib/commands';
import { CreditWindow } from '../lib/credit-window';
import { entryOf, type Entry } from '../lib/entries';
import { PointCollector, stepOf, timeOf, type PointColumns } from '../lib/points';
import type { Link } from '../lib/reconnect';
import { roundPartOf, type RoundPart } from '../lib/rounds';
import { sampleOf, type SampleView } from '../lib/samples';
import { ResumeCursor } from '../lib/resume-cursor';
import { strippedReason } from '../lib/stripped';
import type { StepMark } from '../lib/whereabouts';
import { Connection } from './connection';
import { Decoder } from './decoder';
import type { DecodedFrame } from '../paint/frame';
import type { FromWorker } from './messages';
import { PictureKeeper } from './pictures';
import { decodedFrame, performanceView, runView, tipOfCurve, tipView } from './views';

/** A server of before sends curves all the same: just enough of them to know where each stands. */
const CURVE_POINTS = 16;
const PING_MS = 15_000;

export class Feed {
  private readonly connection: Connection;
  private readonly cursor = new ResumeCursor();
  private readonly credit = new CreditWindow();
  private readonly keeper = new PictureKeeper();
  private readonly decoder = new Decoder<Frame>(
    (frame) => this.decode(frame),
    (frame) => this.painted(Number(frame.frameNumber)),
  );
  private classNames: readonly string[] = [];
  /** The frame that the server had when this page came, and comes with first. */
  private kept = -1n;
  private fresh = true;
  /** Curves of a snapshot that is still to come. */
  private ahead: Curve[] = [];
  private lostAt: number | null = null;
  /** Whose pictures are shown. */
  private rank = 0;
  private readonly pingTimer: number;

  constructor(
    url: string,
    private readonly emit: (message: FromWorker) => void,
    private readonly paint: (frame: DecodedFrame) => void,
    /** What concerns curves goes another way. */
    private readonly tellCurves: (message: FromLive, transfer?: Transferable[]) => void,
    /** Who watches; empty: they do not say. */
    private name: string,
  ) {
    this.connection = new Connection(url, {
      opened: () => this.hello(),
      message: (data) => this.take(data),
      changed: (link, retryInMs) => this.changed(link, retryInMs),
      quiet: (ms) => this.emit({ type: 'quiet', ms }),
    });
    this.pingTimer = self.setInterval(() => this.say({ case: 'ping', value: {} as never }), PING_MS);
    this.connection.start();
  }

  /** Frames that came and were replaced by a newer one before they were decoded, so far. */
  get undecoded(): number {
    return this.decoder.skipped;
  }

  /** How far this page got in the run's events: the number of the newest that came. */
  get offset(): number {
    return this.cursor.offset;
  }

  /** A frame was painted, or is not going to be. */
  painted(number: number): void {
    this.credit.done();
    this.grant(number);
  }

  wake(): void {
    this.connection.wake();
  }

  introduce(name: string): void {
    this.name = name;
    this.say({ case: 'introduce', value: { name } as never });
  }

  watchRank(rank: number): void {
    this.rank = rank;
    this.say({ case: 'watchRank', value: { rank } as never });
  }

  stop(): void {
    self.clearInterval(this.pingTimer);
    this.connection.stop();
  }

  private changed(link: Link, retryInMs: number | null): void {
    if (link.phase === 'waiting') this.lostAt ??= performance.now();
    const sinceMs = this.lostAt === null ? 0 : performance.now() - this.lostAt;
    this.emit({ type: 'link', link, retryInMs, sinceMs });
  }

  private hello(): void {
    this.ahead = [];
    this.credit.restart();
    this.fresh = true;
    const { epoch, offset } = this.cursor;
    const { name, rank } = this;
    const hello = { epoch, offset: BigInt(offset), points: CURVE_POINTS, name, rank, noCurves: true };
    this.say({ case: 'hello', value: hello as never });
  }

  private say(body: ViewerMessage['body']): void {
    this.connection.send(toBinary(ViewerMessageSchema, create(ViewerMessageSchema, { body })));
  }

  private grant(paintedFrame: number): void {
    const frames = this.credit.grant();
    if (frames > 0) {
      this.say({ case: 'frameCredit', value: { frames, paintedFrame: BigInt(paintedFrame) } as never });
    }
  }

  private take(data: Uint8Array): void {
    const { body } = fromBinary(LiveMessageSchema, data);
    switch (body.case) {
      case 'snapshot':
        return this.snapshot(body.value);
      case 'resumed':
        return this.resumed(body.value);
      case 'events':
        return this.events(body.value);
      case 'frame':
        return this.frame(body.value, false);
      case 'state':
        return this.state(body.value, false);
      case 'performance':
        return this.emit({ type: 'performance', performance: performanceView(body.value) });
      case 'presence':
        return this.presence(body.value);
      case 'curves':
        this.ahead.push(...body.value.curves);
        return;
      case 'beat':
        this.connection.beats();
        return this.emit({ type: 'beat', serverMs: Number(body.value.serverUs) / 1000 });
    }
  }

  private state(state: RunState, whole: boolean): void {
    const names = state.config?.classNames;
    if (names !== undefined && names.length > 0) this.classNames = names;
    const run = runView(state);
    this.emit({ type: 'state', run, whole });
    this.tellCurves({
      type: 'run',
      firstPointUs: run.firstPointUs || run.createdMs * 1000,
      batchesPerEpoch: run.config.batchesPerEpoch,
      attempts: run.attempts,
    });
  }

  private presence({ viewers, names }: Presence): void {
    this.emit({ type: 'viewers', viewers, names });
  }

  private snapshot(snapshot: Snapshot): void {
    const { reset, caughtUp } = this.cursor.snapshot(snapshot.epoch, Number(snapshot.offset));
    this.back(reset, caughtUp);
    if (snapshot.state) this.state(snapshot.state, true);
    const tips =
      snapshot.tips.length > 0
        ? snapshot.tips.map(tipView)
        : [...this.ahead, ...snapshot.curves].flatMap((curve) => tipOfCurve(curve) ?? []);
    this.tellCurves({
      type: 'snapshot',
      epoch: snapshot.epoch,
      offset: Number(snapshot.offset),
      tips,
      metricCount: Number(snapshot.metricCount),
    });
    this.ahead = [];
    this.tell(snapshot.recent, false);
    if (snapshot.performance) {
      this.emit({ type: 'performance', performance: performanceView(snapshot.performance) });
    }
    if (snapshot.presence) this.presence(snapshot.presence);
    if (snapshot.frame) this.frame(snapshot.frame, true);
    this.grant(0);
  }

  private resumed(resumed: Resumed): void {
    this.back(false, Number(resumed.toOffset) - Number(resumed.fromOffset));
    if (resumed.state) this.state(resumed.state, true);
    this.grant(0);
  }

  private back(reset: boolean, events: number): void {
    if (this.lostAt === null) return;
    const awayMs = performance.now() - this.lostAt;
    this.lostAt = null;
    this.emit({ type: 'back', caughtUp: { reset, events, awayMs } });
  }

  private events(events: Events): void {
    const fresh: RunEvent[] = [];
    for (const event of events.events) {
      const verdict = this.cursor.admit(Number(event.offset));
      if (verdict === 'hole') {
        this.tell(fresh, true);
        return this.connection.renew('Some records were missing.');
      }
      if (verdict === 'new') fresh.push(event);
    }
    this.tell(fresh, true);
  }

  /** @param withPoints false: the snapshot's curves hold their points already. */
  private tell(events: readonly RunEvent[], withPoints: boolean): void {
    const collector = new PointCollector();
    const entries: Entry[] = [];
    const commands: CommandPart[] = [];
    const samples: SampleView[] = [];
    const rounds: RoundPart[] = [];
    const stripped: Record<string, number> = {};
    let at: StepMark | null = null;
    let epoch = -1;
    for (const { offset, receivedMs, rank, record, attempt, clockOffsetUs } of events) {
      if (record === undefined) continue;
      const entry = entryOf(record, Number(offset), Number(receivedMs), rank);
      if (entry !== null) entries.push(entry);
      const command = commandPartOf(record, Number(receivedMs));
      if (command !== null) commands.push(command);
      const sample = sampleOf(record, Number(receivedMs));
      if (sample !== null) samples.push(sample);
      const round = roundPartOf(record, Number(receivedMs));
      if (round !== null) rounds.push(round);
      if (!withPoints) continue;
      const origin = {
        offset: Number(offset),
        receivedMs: Number(receivedMs),
        rank,
        attempt: Math.max(1, attempt),
        clockOffsetUs: Number(clockOffsetUs),
      };
      collector.add(record, origin);
      if (rank !== 0) continue; // rank 0 speaks for the run
      const reason = strippedReason(record);
      if (reason !== null) stripped[reason] = (stripped[reason] ?? 0) + record.framesStripped;
      const step = stepOf(record);
      if (step !== null) at = { step, timeUs: timeOf(record, origin) };
      if (record.payload.case === 'batchData') epoch = record.payload.value.epoch;
      if (record.payload.case === 'statusUpdate') {
        const names = record.payload.value.config?.classNames ?? [];
        if (names.length > 0) this.classNames = names;
      }
    }
    const columns = collector.take();
    if (columns.length > 0) {
      const offset = Number(events.at(-1)?.offset ?? 0);
      this.tellCurves({ type: 'points', columns, offset }, columns.flatMap(buffersOf));
    }
    const said = entries.length + commands.length + samples.length + rounds.length;
    if (said > 0 || at !== null) {
      const what = { entries, commands, samples, rounds };
      this.emit({ type: 'events', ...what, fresh: withPoints, stripped, at, epoch });
    }
  }

  private frame(frame: Frame, free: boolean): void {
    this.credit.received(free);
    this.keeper.note(frame);
    if (this.fresh) this.kept = frame.frameNumber;
    this.fresh = false;
    this.decoder.put(frame);
  }

  private async decode(frame: Frame): Promise<void> {
    const payload = frame.record?.payload;
    const pictures = payload?.case === 'batchData' ? await this.keeper.pictures(payload.value) : null;
    const kept = frame.frameNumber === this.kept;
    const decoded = pictures === null ? null : decodedFrame(frame, this.classNames, pictures, kept);
    if (decoded === null) return this.painted(Number(frame.frameNumber));
    this.paint(decoded);
  }
}

const buffersOf = ({ steps, values, timesUs, offsets }: PointColumns): Transferable[] =>
  [steps, values, timesUs, offsets].map(({ buffer }) => buffer as ArrayBuffer);
