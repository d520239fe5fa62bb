import { expect, it } from 'vitest';
import { FpsMeter } from './fps-meter';

it('measures an even pace', () => {
  const meter = new FpsMeter();
  for (let ms = 0; ms <= 1000; ms += 20) meter.add(ms);
  expect(meter.rate(1010)).toBeCloseTo(50, 6);
});

it('is zero before two frames and after the window has passed', () => {
  const meter = new FpsMeter(2000);
  expect(meter.rate(0)).toBe(0);
  meter.add(0);
  expect(meter.rate(10)).toBe(0);
  meter.add(20);
  expect(meter.rate(30)).toBeCloseTo(50, 6);
  expect(meter.rate(3000)).toBe(0);
});

it('falls while nothing comes', () => {
  const meter = new FpsMeter(2000);
  for (let ms = 0; ms <= 1000; ms += 20) meter.add(ms);
  expect(meter.rate(1900)).toBeLessThan(30);
});
