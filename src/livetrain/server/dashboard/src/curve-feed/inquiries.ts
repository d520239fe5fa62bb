/** Questions that are on their way: gathered over curves, few at a time, none twice. */
import type { CurveQuestion } from '../api/metrics';

export interface Need {
  name: string;
  question: CurveQuestion;
}

export interface Inquiry {
  names: readonly string[];
  question: CurveQuestion;
  signal: AbortSignal;
}

interface Open extends Inquiry {
  keys: readonly string[];
  giveUp: AbortController;
}

const AT_ONCE = 4;
const NAMES = 50;
/** Characters of all names of a question: they stand in an address. */
const NAMES_LENGTH = 6000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;

/** What a question would find out, so that it is not asked for again; a run of tiles is each of them. */
function keysOf(question: CurveQuestion): string[] {
  const { attempt } = question;
  switch (question.kind) {
    case 'points':
      return [`${attempt} points`];
    case 'whole':
      return [`${attempt} whole ${question.placing}`];
    case 'tiles': {
      const { placing, level, first, last } = question.run;
      return Array.from(
        { length: last - first + 1 },
        (_, i) => `${attempt} tile ${placing} ${level} ${first + i}`,
      );
    }
  }
}

export class Inquiries {
  private readonly open = new Set<Open>();
  private waitUntilMs = 0;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param ask puts a question and deals with the answer; a failure is asked again later.
   * @param again told when there is room for more questions.
   */
  constructor(
    private readonly ask: (inquiry: Inquiry) => Promise<void>,
    private readonly again: () => void,
  ) {}

  get count(): number {
    return this.open.size;
  }

  isOpen(name: string): boolean {
    return [...this.open].some(({ names }) => names.includes(name));
  }

  /** Put the questions that are needed, in this order, and give up those that are no longer. */
  pursue(needs: readonly Need[]): void {
    this.giveUpOthers(needs);
    if (Date.now() < this.waitUntilMs) return;
    const groups = new Map<string, { question: CurveQuestion; names: string[]; length: number }[]>();
    for (const need of needs) {
      const question = this.unasked(need);
      if (question === null) continue;
      const key = JSON.stringify(question);
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      let last = group.at(-1);
      if (last === undefined || last.names.length >= NAMES || last.length + need.name.length > NAMES_LENGTH) {
        group.push((last = { question, names: [], length: 0 }));
      }
      if (last.names.includes(need.name)) continue;
      last.names.push(need.name);
      last.length += need.name.length;
    }
    for (const { question, names } of [...groups.values()].flat()) {
      if (this.open.size >= AT_ONCE) return;
      void this.put(names, question);
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    for (const { giveUp } of this.open) giveUp.abort();
  }

  /** What of a question is not on its way; null: all is. */
  private unasked({ name, question }: Need): CurveQuestion | null {
    const asked = new Set<string>();
    for (const { names, keys } of this.open) if (names.includes(name)) for (const key of keys) asked.add(key);
    const keys = keysOf(question);
    const missing = keys.map((key) => !asked.has(key));
    if (!missing.includes(true)) return null;
    if (question.kind !== 'tiles') return question;
    const { run } = question;
    return {
      ...question,
      run: { ...run, first: run.first + missing.indexOf(true), last: run.first + missing.lastIndexOf(true) },
    };
  }

  /** A view that was left does not need what was asked for it. */
  private giveUpOthers(needs: readonly Need[]): void {
    const needed = new Map<string, Set<string>>();
    for (const { name, question } of needs) {
      const keys = needed.get(name) ?? new Set();
      needed.set(name, keys);
      for (const key of keysOf(question)) keys.add(key);
    }
    for (const one of this.open) {
      if (one.question.kind !== 'tiles') continue;
      const wanted = one.names.some((name) => one.keys.some((key) => needed.get(name)?.has(key)));
      if (!wanted) one.giveUp.abort();
    }
  }

  private async put(names: readonly string[], question: CurveQuestion): Promise<void> {
    const giveUp = new AbortController();
    const one: Open = { names, question, keys: keysOf(question), giveUp, signal: giveUp.signal };
    this.open.add(one);
    try {
      await this.ask(one);
      this.failures = 0;
    } catch {
      if (!giveUp.signal.aborted) this.wait();
    }
    this.open.delete(one);
    this.again();
  }

  private wait(): void {
    const ms = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures++);
    this.waitUntilMs = Date.now() + ms;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), ms + 1);
  }
}
