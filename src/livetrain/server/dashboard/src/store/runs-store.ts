/** The list of runs, asked for again and again while it is in view. */
import { create } from 'zustand';
import { listRuns, lossSpark, type RunRow } from '../api/runs';

const POLL_MS = 2000;
/** Small curves are asked for the first rows only, and at most this often for a run that goes on. */
const SPARKS = 12;
const SPARK_MS = 10_000;

interface Spark {
  values: number[];
  steps: number;
  atMs: number;
}

interface Runs {
  rows: readonly RunRow[] | null;
  error: string;
  /** By run. */
  sparks: ReadonlyMap<string, Spark>;
}

export const useRuns = create<Runs>()(() => ({ rows: null, error: '', sparks: new Map() }));

async function refreshSparks(rows: readonly RunRow[]): Promise<void> {
  for (const { runId, steps } of rows.slice(0, SPARKS)) {
    const known = useRuns.getState().sparks.get(runId);
    if (known && (known.steps === steps || Date.now() - known.atMs < SPARK_MS)) continue;
    // One after the other: the server has a training to serve.
    const values = await lossSpark(runId).catch(() => []);
    const spark = { values, steps, atMs: Date.now() };
    useRuns.setState(({ sparks }) => ({ sparks: new Map(sparks).set(runId, spark) }));
  }
}

async function refresh(): Promise<void> {
  try {
    const rows = await listRuns();
    useRuns.setState({ rows, error: '' });
    await refreshSparks(rows);
  } catch (error) {
    useRuns.setState({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** Polls while the page is in view. Answers how to stop. */
export function watchRuns(): () => void {
  let timer = 0;
  let stopped = false;
  const round = async () => {
    window.clearTimeout(timer);
    if (!document.hidden) await refresh();
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
