/** What the worker of a run's curves does: asks for what charts show, folds in what comes live, and says what to draw. */
import { askCurves, listCurves } from '../api/metrics';
import { CurveBook } from './curve-book';
import type { FromCurves, FromLive, ToCurves } from './messages';
import { justBefore, OWN_NAMES } from './own-names';

/** Charts and numbers change this often. */
const SAY_MS = 250;
const LISTED = 1000;

export class CurveDesk {
  private readonly book: CurveBook;
  private readonly timer: ReturnType<typeof setInterval>;
  private due: ReturnType<typeof setTimeout> | undefined;
  private visible = true;
  /** What to ask after for the next page of the list; null: none was asked for, or that was the last. */
  private next: string | null = null;
  /** The names that came with the snapshot are the first of all. */
  private lastListed: string | null = null;

  constructor(
    private readonly runId: string,
    private readonly emit: (message: FromCurves, transfer: Transferable[]) => void,
  ) {
    this.book = new CurveBook((names, question, signal) => askCurves(runId, names, question, signal), emit);
    this.timer = setInterval(() => this.turn(), SAY_MS);
  }

  /** Whether all that is in view is there: nothing is asked for, and nothing is still to be. */
  get settled(): boolean {
    return this.due === undefined && this.book.settled;
  }

  /** Take what the live view says. */
  hear(message: FromLive): void {
    switch (message.type) {
      case 'snapshot':
        this.book.snapshot(message.epoch, message.offset, message.tips, message.metricCount);
        this.lastListed = message.tips.at(-1)?.name ?? null;
        this.next = null;
        if (message.metricCount > message.tips.length) void this.findOwn();
        return this.act();
      case 'run':
        return this.book.run(message.firstPointUs, message.batchesPerEpoch, message.attempts);
      case 'points':
        return this.book.points(message.columns, message.offset);
    }
  }

  /** Take what the page says. */
  take(message: Exclude<ToCurves, { type: 'open' }>): void {
    switch (message.type) {
      case 'look':
        return this.book.setLook(message.look);
      case 'chart':
        this.book.setChart(message.chart, message.curves);
        return this.act();
      case 'list':
        void this.list(message.wanted);
        return;
      case 'visible':
        this.visible = message.visible;
        return this.act();
      case 'stop':
        clearInterval(this.timer);
        clearTimeout(this.due);
        return this.book.stop();
    }
  }

  /** Once for all that is told in one turn: a screen full of charts comes into view at once. */
  private act(): void {
    clearTimeout(this.due);
    this.due = setTimeout(() => {
      this.due = undefined;
      this.turn();
    });
  }

  /** Ask for what is missing, and say what changed. */
  turn(): void {
    this.book.pursue();
    if (this.visible) this.book.say();
  }

  /** Looks for the library's own curves among very many. */
  private async findOwn(): Promise<void> {
    for (const name of OWN_NAMES) {
      if (this.book.tips.get(name) !== undefined) continue;
      // The snapshot's names are the first of all; a server of before has no list, and told of every curve.
      const found = await listCurves(this.runId, '', justBefore(name), 1).catch(() => null);
      this.book.addTips(found?.tips.filter((tip) => tip.name === name) ?? []);
    }
  }

  /** @param wanted empty: the next of all curves. */
  private async list(wanted: string): Promise<void> {
    try {
      const after = wanted === '' ? (this.next ?? this.lastListed) : null;
      const answer = await listCurves(this.runId, wanted, after, LISTED);
      if (wanted === '') this.next = answer.next;
      this.book.addTips(answer.tips);
      const names = answer.tips.map(({ name }) => name);
      this.emit({ type: 'list', wanted, names, total: answer.total, more: answer.next !== null }, []);
    } catch {
      // A server of before has no such list, and has told of all curves.
      this.emit({ type: 'list', wanted, names: [], total: this.book.tips.size, more: false }, []);
    }
  }
}
