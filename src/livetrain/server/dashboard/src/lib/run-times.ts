/** When a run began and how long it takes: by its own first point, not by when the server heard of it. */

interface Told {
  createdMs: number;
  /** By the server's clock, microseconds; 0: there is no point yet, or the server does not say. */
  firstPointUs: number;
  endedMs: number;
}

export interface RunTimes {
  /** Unix milliseconds; null: not known. */
  startMs: number | null;
  /** Until its end, or until now; null: not known, or the clocks make no sense of it. */
  seconds: number | null;
}

/** @param nowMs by the server's clock. */
export function runTimes({ createdMs, firstPointUs, endedMs }: Told, over: boolean, nowMs: number): RunTimes {
  const startMs = firstPointUs > 0 ? firstPointUs / 1000 : createdMs;
  if (!(startMs > 0)) return { startMs: null, seconds: null };
  const endMs = over ? endedMs : nowMs;
  return { startMs, seconds: endMs >= startMs ? (endMs - startMs) / 1000 : null };
}
