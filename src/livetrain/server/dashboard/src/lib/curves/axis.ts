/** What runs along the bottom of a chart, and how places on the grid lie on it. */
import type { Placing } from './grid';

export type Axis = 'step' | 'time' | 'epoch';

export interface AxisOptions {
  axis: Axis;
  /** Where time counts from: the run's first point, microseconds since 1970. */
  originUs: number;
  /** For the axis by epoch; 0: not known, and the axis is by step. */
  batchesPerEpoch: number;
}

const SECOND_US = 1e6;

export const placingOf = ({ axis }: AxisOptions): Placing => (axis === 'time' ? 'time' : 'step');

/** From a step, or microseconds since 1970, to x: steps, seconds since the run began, or epochs. */
export function xOfPlace(place: number, { axis, originUs, batchesPerEpoch }: AxisOptions): number {
  if (axis === 'time') return (place - originUs) / SECOND_US;
  return axis === 'epoch' && batchesPerEpoch > 0 ? (place + 1) / batchesPerEpoch : place;
}

export function placeOfX(x: number, { axis, originUs, batchesPerEpoch }: AxisOptions): number {
  if (axis === 'time') return x * SECOND_US + originUs;
  return axis === 'epoch' && batchesPerEpoch > 0 ? x * batchesPerEpoch - 1 : x;
}
