/** Where the pointer is on the shared axis: every chart in view follows it, and nothing else hears of it. */

export interface Cursor {
  x: number;
  /** Whose plot the pointer is on. */
  owner: object;
}

type Watcher = (cursor: Cursor | null) => void;

const watchers = new Set<Watcher>();
let cursor: Cursor | null = null;

/** @returns how to stop. */
export function watchCursor(watcher: Watcher): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const currentCursor = (): Cursor | null => cursor;

let asked = false;

/** All charts follow once a frame, however often a pointer tells of itself. */
export function moveCursor(next: Cursor | null): void {
  cursor = next;
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const watcher of watchers) watcher(cursor);
  });
}
