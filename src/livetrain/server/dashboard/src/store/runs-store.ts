/** The list of runs: searched and paged by the server, and asked for again and again while it is in view. */
import { create } from 'zustand';
import { listRuns, lossGlance, type LossGlance, type RunQuestion, type RunRow } from '../api/runs';
import { noPages, pageOfRow, withNextPage, withPageAgain, type RunPages } from '../lib/run-list';

const POLL_MS = 2000;
/** A small curve is asked for at most this often for a run that goes on. */
const GLANCE_MS = 10_000;
/** So many of the rows in view get one. */
const GLANCES = 40;

interface Glance {
  /** null: the run has no loss. */
  loss: LossGlance | null;
  steps: number;
  atMs: number;
}

interface Runs {
  question: RunQuestion;
  /** null: the server has not answered yet. */
  list: RunPages<RunRow> | null;
  /** Whether there is any run at all, whatever is searched for; null: not known. */
  some: boolean | null;
  /** Empty: the last answer was fine. */
  error: string;
  glances: ReadonlyMap<string, Glance>;
}

const anything: RunQuestion = { q: '', status: '' };

export const useRuns = create<Runs>()(() => ({
  question: anything,
  list: null,
  some: null,
  error: '',
  glances: new Map(),
}));

/** The rows in view. */
let view: readonly RunRow[] = [];
let viewRange = { first: 0, last: 0 };
let glancing = false;

async function refreshGlances(): Promise<void> {
  if (glancing) return;
  glancing = true;
  for (const { runId, steps } of view.slice(0, GLANCES)) {
    const known = useRuns.getState().glances.get(runId);
    if (known && (known.steps === steps || Date.now() - known.atMs < GLANCE_MS)) continue;
    // One after the other: the server has a training to serve.
    const loss = await lossGlance(runId).catch(() => null);
    const glance = { loss, steps, atMs: Date.now() };
    useRuns.setState(({ glances }) => ({ glances: new Map(glances).set(runId, glance) }));
  }
  glancing = false;
}

function learn(question: RunQuestion, list: RunPages<RunRow>): void {
  const open = question.q === '' && question.status === '';
  const some = open ? list.pages.some(({ rows }) => rows.length > 0) : useRuns.getState().some;
  useRuns.setState({ list, some, error: '' });
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Ask again for the first page and for those in view. */
async function refresh(): Promise<void> {
  const { question } = useRuns.getState();
  const current = () => useRuns.getState().question === question;
  try {
    const known = useRuns.getState().list;
    const shown = known ?? noPages;
    const wanted = new Set([0, pageOfRow(shown, viewRange.first), pageOfRow(shown, viewRange.last)]);
    for (const at of wanted) {
      const cursor = shown.pages[at]?.cursor ?? null;
      const answer = await listRuns(question, at === 0 ? null : cursor);
      if (!current()) return;
      const now = useRuns.getState().list;
      if (now === null || now.pages.length === 0) learn(question, withNextPage(noPages, answer));
      else if (now.pages[at]?.cursor === (at === 0 ? null : cursor))
        learn(question, withPageAgain(now, at, answer));
    }
    await refreshGlances();
  } catch (error) {
    if (current()) useRuns.setState({ error: said(error) });
  }
}

let growing = false;

/** One more page at the end of the list. */
export async function showMore(): Promise<void> {
  const { question, list } = useRuns.getState();
  if (growing || list?.next == null) return;
  growing = true;
  try {
    const answer = await listRuns(question, list.next);
    const now = useRuns.getState();
    if (now.question === question && now.list?.next === list.next)
      learn(question, withNextPage(now.list, answer));
  } catch (error) {
    useRuns.setState({ error: said(error) });
  } finally {
    growing = false;
  }
}

/** Which rows are in view: these are kept up to date. */
export function seeRows(rows: readonly RunRow[], first: number): void {
  view = rows;
  viewRange = { first, last: first + Math.max(0, rows.length - 1) };
  void refreshGlances();
}

/** Ask for other runs. What was there stays until the answer comes. */
export function askForRuns(question: RunQuestion): void {
  const known = useRuns.getState().question;
  if (known.q === question.q && known.status === question.status) return;
  useRuns.setState({ question });
  viewRange = { first: 0, last: 0 };
  void (async () => {
    try {
      const answer = await listRuns(question, null);
      if (useRuns.getState().question === question) learn(question, withNextPage(noPages, answer));
    } catch (error) {
      if (useRuns.getState().question === question) useRuns.setState({ error: said(error) });
    }
  })();
}

/** Polls while the page is in view. Answers how to stop. */
export function watchRuns(): () => void {
  let timer = 0;
  let stopped = false;
  const round = async () => {
    window.clearTimeout(timer);
    if (!document.hidden) await refresh();
    window.clearTimeout(timer);
    if (!stopped) timer = window.setTimeout(() => void round(), POLL_MS);
  };
  const seen = () => {
    if (!document.hidden) void round();
  };
  document.addEventListener('visibilitychange', seen);
  void round();
  return () => {
    stopped = true;
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
  };
}
