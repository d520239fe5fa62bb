/** The newest value of every curve, as it was logged: what the numbers on the page show. */

/** A point as records bring it. */
interface Told {
  name: string;
  /** null: an older client, which gives no step. */
  step: number | null;
  value: number;
  /** Unix seconds. */
  time: number;
  attempt?: number;
}

export interface Newest {
  step: number;
  /** NaN and infinities too. */
  value: number;
  /** Unix seconds. */
  time: number;
  attempt: number;
  /** Points that are not finite, as far as this page knows. */
  nonFinite: number;
  /** The newest finite one; null: there is none. */
  finite: { step: number; value: number } | null;
}

/** A curve as a snapshot has it. */
interface Curve {
  name: string;
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
  times: ArrayLike<number>;
  attempt?: number;
}

export class NewestValues {
  private readonly byName = new Map<string, Newest>();
  /** Goes up with every change. */
  version = 0;

  get size(): number {
    return this.byName.size;
  }

  get(name: string): Newest | undefined {
    return this.byName.get(name);
  }

  names(): string[] {
    return [...this.byName.keys()];
  }

  /** What a point says: it counts unless a later one is known. */
  tell({ name, step, value, time, attempt = 1 }: Told): void {
    const known = this.byName.get(name);
    const nonFinite = (known?.nonFinite ?? 0) + (Number.isFinite(value) ? 0 : 1);
    this.version++;
    if (
      known !== undefined &&
      (attempt < known.attempt || (attempt === known.attempt && time < known.time))
    ) {
      known.nonFinite = nonFinite;
      return;
    }
    const at = step ?? (known === undefined ? 0 : known.step + 1);
    const finite = Number.isFinite(value) ? { step: at, value } : (known?.finite ?? null);
    this.byName.set(name, { step: at, value, time, attempt, nonFinite, finite });
  }

  append(points: readonly Told[]): void {
    for (const point of points) this.tell(point);
  }

  /** These in place of all. */
  replace(newest: Iterable<readonly [string, Newest]>): void {
    this.byName.clear();
    for (const [name, one] of newest) this.byName.set(name, one);
    this.version++;
  }

  /** A snapshot's curves in place of all: of each the point that was logged last, wherever it stands. */
  replaceByCurves(curves: readonly Curve[]): void {
    this.byName.clear();
    this.version++;
    for (const { name, steps, values, times, attempt } of curves) {
      const order = Array.from(steps, (_, i) => i).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
      for (const i of order) {
        const [step, value, time] = [steps[i] ?? 0, values[i] ?? Number.NaN, times[i] ?? 0];
        this.tell({ name, step, value, time, ...(attempt === undefined ? {} : { attempt }) });
      }
    }
  }
}

/** "finite until 119", of a number that is not; empty: it is finite. */
export function finiteWords({ value, finite }: Pick<Newest, 'value' | 'finite'>): string {
  if (Number.isFinite(value)) return '';
  return finite === null ? 'never finite' : `finite until ${finite.step.toLocaleString('en')}`;
}
