/**
 * The worker of a run's curves: asks for what charts show, folds in what comes live, and says what to draw. A page that is busy
 * delays none of it, and neither delays a picture.
 */
import { askCurves, listCurves } from '../api/metrics';
import { CurveBook } from './curve-book';
import type { FromCurves, FromLive, ToCurves } from './messages';
import { justBefore, OWN_NAMES } from './own-names';

/** Charts and numbers change this often. */
const SAY_MS = 250;
const LISTED = 1000;

const emit = (message: FromCurves, transfer: Transferable[]) => self.postMessage(message, { transfer });

let run = '';
let visible = true;
let next: string | null = null;
const book = new CurveBook((names, question, signal) => askCurves(run, names, question, signal), emit);

function hear(message: FromLive): void {
  switch (message.type) {
    case 'snapshot':
      book.snapshot(message.epoch, message.offset, message.tips, message.metricCount);
      lastListed = message.tips.at(-1)?.name ?? null;
      next = null;
      if (message.metricCount > message.tips.length) void findOwn();
      return act();
    case 'run':
      return book.run(message.firstPointUs, message.batchesPerEpoch, message.attempts);
    case 'points':
      return book.points(message.columns, message.offset);
  }
}

function take(message: ToCurves): void {
  switch (message.type) {
    case 'open':
      run = message.runId;
      message.live.onmessage = ({ data }: MessageEvent<FromLive>) => hear(data);
      return;
    case 'look':
      return book.setLook(message.look);
    case 'chart':
      book.setChart(message.chart, message.curves);
      return act();
    case 'list':
      void list(message.wanted);
      return;
    case 'visible':
      visible = message.visible;
      return act();
    case 'stop':
      self.clearInterval(timer);
      return book.stop();
  }
}

let due = 0;

/** Once for all that is told in one turn: a screen full of charts comes into view at once. */
function act(): void {
  self.clearTimeout(due);
  due = self.setTimeout(() => {
    book.pursue();
    if (visible) book.say();
  });
}

/** Looks for the library's own curves among very many. */
async function findOwn(): Promise<void> {
  for (const name of OWN_NAMES) {
    if (book.tips.get(name) !== undefined) continue;
    // The snapshot's names are the first of all; a server of before has no list, and told of every curve.
    const found = await listCurves(run, '', justBefore(name), 1).catch(() => null);
    book.addTips(found?.tips.filter((tip) => tip.name === name) ?? []);
  }
}

/** @param wanted empty: the next of all curves. */
async function list(wanted: string): Promise<void> {
  try {
    const answer = await listCurves(run, wanted, wanted === '' ? (next ?? lastListed) : null, LISTED);
    if (wanted === '') next = answer.next;
    book.addTips(answer.tips);
    const names = answer.tips.map(({ name }) => name);
    emit({ type: 'list', wanted, names, total: answer.total, more: answer.next !== null }, []);
  } catch {
    // A server of before has no such list, and has told of all curves.
    emit({ type: 'list', wanted, names: [], total: book.tips.size, more: false }, []);
  }
}

/** The names that came with the snapshot are the first of all. */
let lastListed: string | null = null;

const timer = self.setInterval(() => {
  book.pursue();
  if (visible) book.say();
}, SAY_MS);
self.onmessage = ({ data }: MessageEvent<ToCurves>) => take(data);
