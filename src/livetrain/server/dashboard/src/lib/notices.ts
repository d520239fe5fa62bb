/** What has to be said about a run in a sentence, the weightiest first. */
import { caughtUpWords, formatClock, formatDuration } from './format';
import { quietWords } from './quiet';
import type { Link } from './reconnect';
import { standing, type Tone } from './words';

export interface Notice {
  /** Unique in its list, and the same for the same matter. */
  key: string;
  tone: Exclude<Tone, 'busy'>;
  /** A sentence. */
  text: string;
  /** What is to be known of it beside that; empty: nothing. */
  more: string;
  /** A long text to look at in full, such as a traceback; empty: none. */
  detail: string;
}

export interface Matters {
  link: Link;
  /** When the connection was lost, on this page's clock; null: it is there. */
  lostAtMs: number | null;
  /** The connection that came back last; null: none did. */
  back: { reset: boolean; events: number; awayMs: number; atMs: number } | null;
  /** How long the server was silent; 0: it is not. */
  quietMs: number;
  run: {
    status: string;
    contact: string;
    message: string;
    lastHeardMs: number;
    trouble: string;
    traceback: string;
    remarks: readonly string[];
  } | null;
  /** "rank 3 lost at step 400"; empty: none was. */
  lostRanks: string;
  /** By this page's clock, and by the server's. */
  nowMs: number;
  serverNowMs: number;
}

const BACK_SHOWN_MS = 8000;
/** A shorter absence nobody has seen. */
const WORTH_SAYING_MS = 500;
/** A first connection is given this long before it is worth a sentence. */
const PATIENCE_MS = 1200;
/** A longer text is looked at in full elsewhere. */
const LONG = 240;

/** With a capital letter and a full stop. */
export function asSentence(words: string): string {
  const text = words.trim();
  if (text === '') return '';
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');
}

const notice = (key: string, tone: Notice['tone'], text: string, rest: Partial<Notice> = {}): Notice => ({
  key,
  tone,
  text,
  more: '',
  detail: '',
  ...rest,
});

function linkNotices({ link, lostAtMs, quietMs, nowMs }: Matters): Notice[] {
  if (link.phase === 'closed' && link.reason !== '') return [notice('link', 'bad', link.reason)];
  if (link.phase === 'live') {
    if (quietMs === 0) return [];
    const asOf = `What you see is as of ${formatClock(nowMs - quietMs)}.`;
    return [notice('quiet', 'bad', `The server does not answer: ${quietWords(quietMs)}.`, { more: asOf })];
  }
  if (lostAtMs === null || (!link.everLive && nowMs - lostAtMs < PATIENCE_MS)) return [];
  const since = formatDuration(Math.max(0, nowMs - lostAtMs) / 1000);
  if (!link.everLive) {
    return [notice('link', 'bad', 'The server cannot be reached.', { more: 'Trying again.' })];
  }
  const more = `What you see is as of ${formatClock(lostAtMs)}, ${since} ago. Trying again.`;
  return [notice('link', 'bad', link.reason || 'The connection to the server was lost.', { more })];
}

function backNotices({ back, link, nowMs }: Matters): Notice[] {
  if (link.phase !== 'live' || back === null) return [];
  if (back.awayMs < WORTH_SAYING_MS || nowMs - back.atMs > BACK_SHOWN_MS) return [];
  const more = back.reset
    ? 'The server’s store is another one: the page started over.'
    : asSentence(caughtUpWords(back.events));
  return [notice('back', 'good', `Connected again after ${formatDuration(back.awayMs / 1000)}.`, { more })];
}

/** Long texts, and those of several lines, are cut to what fits; the whole is then the detail. */
function cut(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > LONG ? `${line.slice(0, LONG)}…` : line;
}

function trainerNotices({ run, link, serverNowMs }: Matters): Notice[] {
  if (run === null || link.phase !== 'live') return [];
  const silentFor = formatDuration(Math.max(0, serverNowMs - run.lastHeardMs) / 1000);
  const { word, tone, explanation } = standing(run.status, run.contact, silentFor, run.message);
  if (explanation === '' && run.traceback === '') return [];
  const shown = cut(explanation);
  const detail = run.traceback || (shown === explanation ? '' : explanation);
  return [notice('trainer', tone === 'busy' ? 'calm' : tone, `${word}.`, { more: shown, detail })];
}

/** The server's own remark about ranks that were lost: said once is enough. */
const tellsOfLoss = (remark: string): boolean => /^Ranks? .* lost /.test(remark);

export function noticesOf(matters: Matters): Notice[] {
  const { run, lostRanks } = matters;
  const remarks = [...new Set(run?.remarks ?? [])];
  const trouble =
    run === null || run.trouble === '' ? [] : [notice('trouble', 'bad', asSentence(run.trouble))];
  return [
    ...linkNotices(matters),
    ...trouble,
    ...backNotices(matters),
    ...trainerNotices(matters),
    ...(lostRanks === '' || remarks.some(tellsOfLoss)
      ? []
      : [notice('ranks', 'warn', asSentence(lostRanks))]),
    ...remarks.map((remark) => notice(`remark ${remark}`, 'warn', asSentence(remark))),
  ];
}
