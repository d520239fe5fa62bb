import { describe, expect, it } from 'vitest';
import { Buckets, coarsen } from './buckets';
import { randomOf } from './random.testing';

const rows = (buckets: Buckets) => Array.from({ length: buckets.size }, (_, i) => buckets.at(i));

function fold(values: readonly [number, number][], width: number): Buckets {
  const buckets = new Buckets(1);
  for (const [x, value] of values) buckets.add(Math.floor(x / width), value);
  return buckets;
}

describe('a bucket', () => {
  it('knows count, mean, extremes, first and last of what it holds', () => {
    const [bucket] = rows(
      fold(
        [3, 1, 2, 6].map((v, i) => [i, v]),
        4,
      ),
    );
    expect(bucket).toEqual({ index: 0, count: 4, mean: 3, min: 1, max: 6, first: 3, last: 6, nonfinite: 0 });
  });

  it('counts what is not finite, and is not changed by it', () => {
    const [bucket] = rows(
      fold(
        [NaN, 2, Infinity, 4].map((v, i) => [i, v]),
        4,
      ),
    );
    expect(bucket).toMatchObject({ count: 2, mean: 3, min: 2, max: 4, first: 2, last: 4, nonfinite: 2 });
    const [empty] = rows(fold([[0, NaN]], 4));
    expect(empty).toMatchObject({ count: 0, mean: NaN, nonfinite: 1 });
  });

  it('holds the largest numbers there are', () => {
    const [bucket] = rows(
      fold(
        [1.5e308, 1.5e308, 1.5e308].map((v) => [0, v]),
        1,
      ),
    );
    expect(bucket?.mean).toBeCloseTo(1.5e308, -300);
    const [both] = rows(fold([[0, 1.7e308], [0, -1.7e308]], 1)); // prettier-ignore
    expect(both?.mean).toBe(0);
  });

  it('takes what comes late into its own stretch', () => {
    expect(rows(fold([[5, 1], [1, 2], [3, 3], [1, 4]], 1)).map(({ index, count }) => [index, count])).toEqual([[1, 2], [3, 1], [5, 1]]); // prettier-ignore
  });
});

it('gives the same however the points are cut into pieces and put together', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomOf(seed);
    const n = 1 + Math.floor(random() * 300);
    const points = Array.from({ length: n }, (_, i): [number, number] => [
      i + Math.floor(random() * 3),
      random() < 0.1 ? NaN : (random() - 0.5) * 10 ** Math.floor(random() * 8),
    ]);
    points.sort((a, b) => a[0] - b[0]);
    const whole = fold(points, 8);
    const cut = Math.floor(random() * n);
    const pieces = coarsen(fold(points.slice(0, cut), 2), 4);
    const rest = coarsen(coarsen(fold(points.slice(cut), 1), 2), 4);
    for (let i = 0; i < rest.size; i++) pieces.put(rest.at(i));
    expect(pieces.size, `seed ${seed}`).toBe(whole.size);
    rows(whole).forEach((bucket, i) => {
      const other = pieces.at(i);
      const scale = Math.max(Math.abs(bucket.min), Math.abs(bucket.max)) || 1;
      expect({ ...other, mean: 0 }, `seed ${seed}`).toEqual({ ...bucket, mean: 0 });
      if (bucket.count > 0) expect(Math.abs(other.mean - bucket.mean) / scale).toBeLessThan(1e-12);
    });
    expect(pieces.total()).toBe(n);
  }
});
