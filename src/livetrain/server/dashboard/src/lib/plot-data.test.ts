import { describe, expect, it } from 'vitest';
import { CurveBuffer } from './curve-buffer';
import { plotData, xOf, type PlotOptions } from './plot-data';

const plain: PlotOptions = { axis: 'step', smoothing: 0, log: false, origin: 0, batchesPerEpoch: 0 };

function curve(points: [step: number, value: number, time?: number][]): CurveBuffer {
  const buffer = new CurveBuffer();
  for (const [step, value, time] of points) buffer.append(step, value, time ?? step);
  return buffer;
}

describe('plotData', () => {
  it('aligns curves on every x of any of them', () => {
    const { xs, columns } = plotData(
      [
        curve([
          [0, 1],
          [2, 3],
        ]),
        curve([
          [1, 5],
          [2, 6],
        ]),
      ],
      plain,
    );
    expect(xs).toEqual([0, 1, 2]);
    expect(columns[0]).toEqual([1, null, 3]);
    expect(columns[2]).toEqual([null, 5, 6]);
  });

  it('leaves out what a logarithmic scale cannot show', () => {
    const { columns } = plotData(
      [
        curve([
          [0, 1],
          [1, 0],
          [2, -1],
        ]),
      ],
      { ...plain, log: true },
    );
    expect(columns[0]).toEqual([1, null, null]);
  });

  it('puts time since the start on the axis, never going back', () => {
    const { xs } = plotData(
      [
        curve([
          [0, 1, 100],
          [1, 1, 103],
          [2, 1, 102],
        ]),
      ],
      { ...plain, axis: 'time', origin: 100 },
    );
    expect(xs).toEqual([0, 3]);
  });

  it('ends the first epoch at 1', () => {
    const { xs } = plotData(
      [
        curve([
          [4, 1],
          [9, 1],
        ]),
      ],
      { ...plain, axis: 'epoch', batchesPerEpoch: 10 },
    );
    expect(xs).toEqual([0.5, 1]);
  });

  it('smooths a curve of many points and leaves one of few', () => {
    const many = curve(Array.from({ length: 40 }, (_, i) => [i, i % 2]));
    const few = curve([
      [0, 1],
      [1, 0],
    ]);
    const { columns } = plotData([many, few], { ...plain, smoothing: 0.95 });
    expect(columns[1]?.[39]).toBeCloseTo(0.5, 1);
    expect(columns[3]?.every((value) => value === null)).toBe(true);
  });
});

describe('xOf', () => {
  const line = { steps: [0, 10, 10, 20], times: [100, 110, 111, 120] };

  it('finds a step on each axis', () => {
    expect(xOf(12, line, plain)).toBe(12);
    expect(xOf(9, line, { ...plain, axis: 'epoch', batchesPerEpoch: 5 })).toBe(2);
    expect(xOf(9, line, { ...plain, axis: 'epoch' })).toBeNull();
    const byTime = { ...plain, axis: 'time', origin: 100 } as const;
    expect([0, 5, 10, 99].map((step) => xOf(step, line, byTime))).toEqual([0, 10, 10, 20]);
    expect(xOf(5, { steps: [], times: [] }, byTime)).toBeNull();
  });
});
