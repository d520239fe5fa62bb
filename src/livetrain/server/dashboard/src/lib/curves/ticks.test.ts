import { describe, expect, it } from 'vitest';
import { randomOf } from './random.testing';
import { countTicks, fittingTicks, logTicks, numberTicks, tickLabel, timeTicks, type Tick } from './ticks';

const labels = (ticks: readonly Tick[]) => ticks.map(({ label }) => label);

describe('ticks of numbers', () => {
  it('have the digits that tell them apart', () => {
    expect(labels(numberTicks(0.9995, 1.0001, 4))).toEqual(['0.9996', '0.9998', '1.0000']);
    expect(labels(numberTicks(999_990, 1_000_010, 2))).toEqual(['999,990', '1,000,000', '1,000,010']);
    expect(labels(numberTicks(1e6, 1e6 + 4, 4))).toEqual([
      '1,000,000',
      '1,000,001',
      '1,000,002',
      '1,000,003',
      '1,000,004',
    ]);
    expect(labels(numberTicks(0, 1, 5))).toEqual(['0', '0.2', '0.4', '0.6', '0.8', '1.0']);
    expect(labels(numberTicks(-2, 2, 4))).toEqual(['−2', '−1', '0', '1', '2']);
    expect(labels(numberTicks(0, 4e-5, 4))).toEqual(['0', '1e−5', '2e−5', '3e−5', '4e−5']);
    expect(labels(numberTicks(0, 3e20, 3))).toEqual(['0', '1e20', '2e20', '3e20']);
    expect(tickLabel(1.5e-7, 5e-8)).toBe('1.5e−7');
  });

  it('are there for the largest numbers', () => {
    const ticks = numberTicks(-1.7e308, 1.7e308, 5);
    expect(ticks.length).toBeGreaterThan(2);
    expect(ticks.every(({ at }) => Number.isFinite(at))).toBe(true);
  });

  it('are distinct and in view, wherever and however near one looks', () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const random = randomOf(seed);
      const middle = (random() - 0.5) * 10 ** Math.floor(random() * 40 - 20);
      const span = Math.abs(middle) * 10 ** Math.floor(random() * -10) + 10 ** Math.floor(random() * 8 - 20);
      const [min, max] = [middle - span / 2, middle + span / 2];
      const most = 2 + Math.floor(random() * 8);
      for (const make of Math.abs(middle) < 1e9 ? [numberTicks, timeTicks, countTicks] : [numberTicks]) {
        const ticks = make(min, max, most);
        expect(new Set(labels(ticks)).size, `seed ${seed} ${make.name} ${labels(ticks).join(' ')}`).toBe(
          ticks.length,
        );
        expect(ticks.length, `seed ${seed} ${make.name}`).toBeLessThanOrEqual(most + 1);
        for (const { at } of ticks) {
          expect(at).toBeGreaterThanOrEqual(min - span * 1e-6);
          expect(at).toBeLessThanOrEqual(max + span * 1e-6);
        }
      }
    }
  });
});

describe('ticks of a logarithmic axis', () => {
  it('are powers, finer where there are few', () => {
    expect(labels(logTicks(0.0005, 2000, 8))).toEqual(['0.001', '0.01', '0.1', '1', '10', '100', '1,000']);
    expect(labels(logTicks(0.2, 3, 8))).toEqual(['0.2', '0.5', '1', '2']);
    expect(labels(logTicks(0.91, 0.98, 8))).toEqual(['0.92', '0.94', '0.96', '0.98']);
    expect(labels(logTicks(1e-30, 1, 4))).toEqual(['1e−24', '1e−16', '1e−8', '1']);
    expect(logTicks(0, 1, 4)).toEqual([]);
  });
});

describe('ticks of steps', () => {
  it('are whole', () => {
    expect(labels(countTicks(0, 3, 8))).toEqual(['0', '1', '2', '3']);
    expect(labels(countTicks(0, 40_000, 4))).toEqual(['0', '10K', '20K', '30K', '40K']);
    expect(labels(countTicks(12_000, 13_000, 4))).toEqual(['12K', '12.5K', '13K']);
    expect(labels(countTicks(12_000, 12_004, 4))).toEqual(['12,000', '12,001', '12,002', '12,003', '12,004']);
    expect(labels(countTicks(0, 9000, 3))).toEqual(['0', '5,000']);
    expect(labels(countTicks(0, 2.5e6, 5))).toEqual(['0', '0.5M', '1M', '1.5M', '2M', '2.5M']);
  });
});

describe('ticks of time', () => {
  it('are said in what they differ by', () => {
    expect(labels(timeTicks(0, 10, 5))).toEqual(['0', '2 s', '4 s', '6 s', '8 s', '10 s']);
    expect(labels(timeTicks(3590, 3625, 4))).toEqual(['59:50', '1:00:00', '1:00:10', '1:00:20']);
    expect(labels(timeTicks(0, 3 * 3600, 6))).toEqual([
      '0',
      '30 min',
      '1 h',
      '1 h 30 min',
      '2 h',
      '2 h 30 min',
      '3 h',
    ]);
    expect(labels(timeTicks(0, 3 * 86_400, 3))).toEqual(['0', '1 d', '2 d', '3 d']);
    expect(labels(timeTicks(0.2, 0.5, 3))).toEqual(['0.2 s', '0.3 s', '0.4 s', '0.5 s']);
    expect(labels(timeTicks(61.2, 61.5, 3))).toEqual(['1:01.2', '1:01.3', '1:01.4', '1:01.5']);
    expect(labels(timeTicks(86_400 + 3600, 86_400 + 3660, 2))).toEqual([
      '1 d 1:00:00',
      '1 d 1:00:30',
      '1 d 1:01:00',
    ]);
  });
});

it('takes as many ticks as there is room for', () => {
  const wide = (label: string) => label.length * 6;
  const make = (most: number) => timeTicks(0, 3 * 3600, most);
  expect(labels(fittingTicks(make, 800, wide, 16)).length).toBeGreaterThan(5);
  for (let room = 60; room < 1500; room += 7) {
    const ticks = fittingTicks(make, room, wide, 16);
    const widest = Math.max(...ticks.map(({ label }) => wide(label)));
    expect(ticks.length === 1 || ticks.length * (widest + 16) <= room + 16).toBe(true);
  }
});
