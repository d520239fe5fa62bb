/** All curves of a run, by name. */
import { CurveBuffer } from './curve-buffer';
import type { PointColumns } from './points';

export interface CurveData {
  name: string;
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
  times: ArrayLike<number>;
  total: number;
}

export class CurveSet {
  private readonly curves = new Map<string, CurveBuffer>();
  /** Goes up when a name comes or goes. */
  namesVersion = 0;
  /** Goes up with every change. */
  version = 0;

  get(name: string): CurveBuffer | undefined {
    return this.curves.get(name);
  }

  names(): string[] {
    return [...this.curves.keys()];
  }

  /** A snapshot's curves in place of all. */
  replace(curves: readonly CurveData[]): void {
    this.curves.clear();
    for (const { name, steps, values, times, total } of curves) {
      this.open(name).replace(steps, values, times, total);
    }
    this.namesVersion++;
    this.version++;
  }

  append(columns: readonly PointColumns[]): void {
    for (const { name, steps, values, timesUs } of columns) {
      const curve = this.open(name);
      for (let i = 0; i < steps.length; i++) {
        curve.append(steps[i] ?? 0, values[i] ?? Number.NaN, (timesUs[i] ?? 0) / 1e6);
      }
    }
    if (columns.length > 0) this.version++;
  }

  private open(name: string): CurveBuffer {
    let curve = this.curves.get(name);
    if (curve === undefined) {
      curve = new CurveBuffer();
      this.curves.set(name, curve);
      this.namesVersion++;
    }
    return curve;
  }
}
