/** Where each curve stands: its newest value, whatever is drawn of it. */
import { formatCount } from '../number';
import type { PointColumns } from '../points';

export interface Tip {
  name: string;
  /** Of the newest point: what was logged last, be its step lower than another's. */
  step: number;
  /** As it was logged, NaN and infinities too. */
  value: number;
  /** Microseconds since 1970. */
  timeUs: number;
  /** Of the whole curve, those that are not finite too; 0: a later start of the training has replaced all of them. */
  points: number;
  /** Points that are not finite. */
  nonfinite: number;
  /** The newest finite value and its step; null: there is none. */
  lastFinite: number | null;
  lastFiniteStep: number | null;
  /** Which start of the training the newest point is of, from 1. */
  attempt: number;
}

interface KnownCurve {
  name: string;
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
  /** Unix seconds. */
  times: ArrayLike<number>;
  total: number;
}

/** Where a curve of which some points are known stands; null: none is. */
export function tipOf({ name, steps, values, times, total }: KnownCurve): Tip | null {
  let newest = -1;
  let finite = -1;
  let nonfinite = 0;
  for (let i = 0; i < steps.length; i++) {
    if (newest < 0 || (times[i] ?? 0) >= (times[newest] ?? 0)) newest = i;
    if (!Number.isFinite(values[i])) nonfinite++;
    else if (finite < 0 || (times[i] ?? 0) >= (times[finite] ?? 0)) finite = i;
  }
  if (newest < 0) return null;
  return {
    name,
    step: steps[newest] ?? 0,
    value: values[newest] ?? Number.NaN,
    timeUs: (times[newest] ?? 0) * 1e6,
    points: total,
    nonfinite,
    lastFinite: values[finite] ?? null,
    lastFiniteStep: steps[finite] ?? null,
    attempt: 1,
  };
}

export class TipBook {
  private readonly tips = new Map<string, Tip>();
  private readonly changed = new Set<string>();
  /** Goes up with every change. */
  version = 0;

  get size(): number {
    return this.tips.size;
  }

  get(name: string): Tip | undefined {
    return this.tips.get(name);
  }

  /** Where a curve stands; undefined: it is not known, or a later start of the training has replaced all of its points. */
  counting(name: string): Tip | undefined {
    const tip = this.tips.get(name);
    return tip !== undefined && tip.points > 0 ? tip : undefined;
  }

  /** The one that is known longest. */
  first(): Tip | undefined {
    for (const tip of this.tips.values()) return tip;
    return undefined;
  }

  names(): string[] {
    return [...this.tips.keys()];
  }

  clear(): void {
    this.tips.clear();
    this.changed.clear();
    this.version++;
  }

  /** In place of what was known of this curve. */
  put(tip: Tip): void {
    this.tips.set(tip.name, tip);
    this.changed.add(tip.name);
    this.version++;
  }

  /**
   * Take newest values that are known elsewhere.
   *
   * @param fresh they stand in place of all.
   * @returns whether other names are known now, and not only other values: after a new start there may be as many as before.
   */
  learn(tips: readonly Tip[], fresh: boolean): boolean {
    const known = this.tips.size;
    if (fresh) this.clear();
    for (const tip of tips) this.put(tip);
    return fresh || this.tips.size !== known;
  }

  /** Points that came after all that is known. */
  append(columns: readonly PointColumns[]): void {
    for (const { name, attempt, steps, values, timesUs } of columns) {
      const size = steps.length;
      if (size === 0) continue;
      const before = this.tips.get(name);
      const points = (before?.points ?? 0) + size;
      let nonfinite = before?.nonfinite ?? 0;
      let finite = -1;
      values.forEach((value, i) => {
        if (Number.isFinite(value)) finite = i;
        else nonfinite++;
      });
      // What an earlier start left on its disk comes late, and is not the newest.
      if (before !== undefined && attempt < before.attempt) {
        this.put({ ...before, points, nonfinite });
        continue;
      }
      this.put({
        name,
        attempt,
        step: steps[size - 1] ?? 0,
        value: values[size - 1] ?? Number.NaN,
        timeUs: timesUs[size - 1] ?? 0,
        points,
        nonfinite,
        lastFinite: finite < 0 ? (before?.lastFinite ?? null) : (values[finite] ?? null),
        lastFiniteStep: finite < 0 ? (before?.lastFiniteStep ?? null) : (steps[finite] ?? null),
      });
    }
  }

  /** The curves that changed since the last time. */
  takeChanged(): Tip[] {
    const tips = [...this.changed].flatMap((name) => this.tips.get(name) ?? []);
    this.changed.clear();
    return tips;
  }
}

/** "finite until 119", of a curve whose newest value is not finite; empty: it is. */
export function untilWords({ value, lastFiniteStep }: Pick<Tip, 'value' | 'lastFiniteStep'>): string {
  if (Number.isFinite(value)) return '';
  return lastFiniteStep === null ? 'never finite' : `finite until ${formatCount(lastFiniteStep)}`;
}
