import { expect, it } from 'vitest';
import { metricsPath } from './metrics';

it('asks for curves of any name, one with a comma by itself', () => {
  const path = metricsPath('r 1', ['loss', 'a,b', '__proto__', 'a|b&c'], { kind: 'points', attempt: 0 });
  expect(path).toBe('/api/runs/r%201/metrics?names=loss%2C__proto__%2Ca%7Cb%26c&name=a%2Cb');
});

it('asks for tiles on their borders, in steps or seconds, of one start of the training', () => {
  const tiles = { kind: 'tiles', run: { placing: 'step', level: 2, first: 3, last: 4 }, attempt: 2 } as const;
  expect(metricsPath('r', ['x'], tiles)).toBe(
    '/api/runs/r/metrics?names=x&stat=buckets&axis=step&from=3072&to=5119&points=512&attempt=2',
  );
  const whole = { kind: 'whole', placing: 'time', attempt: 0 } as const;
  expect(metricsPath('r', ['x'], whole)).toBe(
    '/api/runs/r/metrics?names=x&stat=buckets&axis=time&points=1024',
  );
});
