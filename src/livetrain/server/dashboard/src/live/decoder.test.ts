import { expect, it } from 'vitest';
import { Decoder } from './decoder';

it('decodes one at a time and leaves out those that a newer one replaced', async () => {
  const started: number[] = [];
  const skipped: number[] = [];
  const finish: (() => void)[] = [];
  const decoder = new Decoder<number>(
    (frame) => {
      started.push(frame);
      return new Promise((resolve) => finish.push(resolve));
    },
    (frame) => skipped.push(frame),
  );
  for (const frame of [1, 2, 3]) decoder.put(frame);
  expect(started).toEqual([1]);
  finish[0]?.();
  await Promise.resolve();
  await Promise.resolve();
  expect(started).toEqual([1, 3]);
  expect(skipped).toEqual([2]);
  expect(decoder.skipped).toBe(1);
});
