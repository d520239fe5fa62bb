import { expect, it } from 'vitest';
import { Buckets } from './buckets';
import { widthAt } from './grid';
import { randomOf } from './random.testing';
import { TILE, Tiles, placesOf, type TileRun } from './tiles';

type Point = readonly [place: number, value: number];

function answer(points: readonly Point[], run: TileRun): Buckets {
  const [from, to] = placesOf(run);
  const buckets = new Buckets();
  for (const [place, value] of points) {
    if (place >= from && place <= to) buckets.add(Math.floor(place / widthAt(run.placing, run.level)), value);
  }
  return buckets;
}
const rows = (buckets: Buckets) => Array.from({ length: buckets.size }, (_, i) => buckets.at(i));

it('asks for what a window lacks, on the borders of tiles, and never twice', () => {
  const tiles = new Tiles('step');
  expect(tiles.levelOf(20_000, 20_499)).toBe(0);
  const runs = tiles.missing(0, 20_000, 20_499);
  expect(runs).toEqual([{ placing: 'step', level: 0, first: 78, last: 80 }]);
  expect(runs.map(placesOf)).toEqual([[19_968, 20_735]]);
  for (const run of runs) tiles.put(run, answer([[20_100, 1]], run), 5);
  expect(tiles.missing(0, 20_000, 20_499)).toEqual([]);
  // A neighbour is asked for alone, and a hole on each side apart.
  expect(tiles.missing(0, 19_000, 21_000)).toEqual([
    { placing: 'step', level: 0, first: 74, last: 77 },
    { placing: 'step', level: 0, first: 81, last: 82 },
  ]);
});

it('holds each point once, whether it came with an answer or later', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = randomOf(seed);
    const points = Array.from({ length: 3000 }, (_, i): Point => [i * 2, random()]);
    const offsetOf = (i: number) => Math.floor(i / 7) + 1;
    const [from, to] = [1000, 5999];
    const tiles = new Tiles('step');
    const level = tiles.levelOf(from, to);
    const known = Math.floor(random() * 3000);
    const offset = offsetOf(known) - 1;
    for (const run of tiles.missing(level, from, to)) {
      // Everything up to an offset, and of what comes live some was in the answer already.
      const told = points.filter((_, i) => offsetOf(i) <= offset);
      tiles.put(run, answer(told, run), offset);
    }
    const heard = Math.max(0, known - Math.floor(random() * 500));
    points.forEach(([place, value], i) => {
      if (i >= heard) tiles.append(place, value, offsetOf(i));
    });
    if (heard > known) continue;
    const whole = new Tiles('step');
    for (const run of whole.missing(level, from, to)) whole.put(run, answer(points, run), 1e9);
    const [one, other] = [rows(tiles.read(level, from, to)), rows(whole.read(level, from, to))];
    expect(
      one.map((row) => ({ ...row, mean: 0 })),
      `seed ${seed}`,
    ).toEqual(other.map((row) => ({ ...row, mean: 0 })));
  }
});

it('does not move what is there when more comes', () => {
  const tiles = new Tiles('step');
  const points = Array.from({ length: 2000 }, (_, i): Point => [i, i % 17]);
  for (const run of tiles.missing(0, 0, 1999)) tiles.put(run, answer(points.slice(0, 1000), run), 1);
  const before = rows(tiles.read(0, 0, 900));
  points.slice(1000).forEach(([place, value]) => tiles.append(place, value, 2));
  expect(rows(tiles.read(0, 0, 900))).toEqual(before);
  expect(rows(tiles.read(0, 0, 1999))).toHaveLength(2000);
});

it('shows each of 500 steps of 40,000', () => {
  const tiles = new Tiles('step');
  const points = Array.from({ length: 40_000 }, (_, i): Point => [i, i]);
  for (const run of tiles.missing(0, 20_000, 20_499)) tiles.put(run, answer(points, run), 1);
  const seen = rows(tiles.read(0, 20_000, 20_499));
  // One beyond each end, so that the line does not begin in the view.
  expect(seen.map(({ index }) => index)).toEqual(Array.from({ length: 502 }, (_, i) => 19_999 + i));
  expect(seen.every(({ count }) => count === 1)).toBe(true);
});

it('forgets what was looked at least lately', () => {
  const tiles = new Tiles('step');
  for (const tile of [0, 1, 2, 3]) {
    tiles.put({ placing: 'step', level: 0, first: tile, last: tile }, answer([[tile * TILE, 1]], { placing: 'step', level: 0, first: tile, last: tile }), 1); // prettier-ignore
  }
  tiles.read(0, 0, 10);
  tiles.trim(2);
  expect(tiles.missing(0, 0, 4 * TILE - 1)).toEqual([{ placing: 'step', level: 0, first: 1, last: 2 }]);
});
