import { expect, it } from 'vitest';
import { contain, isPixelated, layOut } from './mosaic-geometry';

it.each([300, 360, 512, 641, 1023])('fills a width of %d to both edges without overlap', (width) => {
  const { cells, side, height } = layOut(width);
  const last = cells[3];
  expect(cells).toHaveLength(16);
  expect(Math.abs((last?.x ?? 0) + side - width)).toBeLessThanOrEqual(1);
  for (let i = 1; i < 4; i++)
    expect((cells[i]?.x ?? 0) - (cells[i - 1]?.x ?? 0)).toBeGreaterThanOrEqual(side + 5);
  expect((cells[15]?.y ?? 0) + (cells[15]?.height ?? 0)).toBeLessThanOrEqual(height + 1);
});

it.each([300, 641])('has room for the words about the frame below the tiles, %d wide', (width) => {
  const { cells, status, height } = layOut(width);
  const last = cells[15];
  expect(status.y).toBeGreaterThanOrEqual((last?.y ?? 0) + (last?.height ?? 0));
  expect(status.y + status.height).toBe(height);
});

it('fits any shape into the square', () => {
  expect(contain(200, 100, 100)).toEqual({ x: 0, y: 25, width: 100, height: 50 });
  expect(contain(1, 1, 90)).toEqual({ x: 0, y: 0, width: 90, height: 90 });
});

it('enlarges small pictures as squares and smooths large ones', () => {
  expect(isPixelated(8, 120)).toBe(true);
  expect(isPixelated(28, 32)).toBe(false);
  expect(isPixelated(256, 512)).toBe(false);
});
