import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { TelemetryRequestSchema } from '../gen/livetrain/proto/telemetry_pb';
import { mergeSamples, pictureAddress, sampleOf, sampleWords, type SampleView } from './samples';

const record = (payload: object) => create(TelemetryRequestSchema, { payload: payload as never });
const at = (id: string, timeMs: number): SampleView => ({
  id,
  kind: 'default',
  prompt: '',
  step: timeMs,
  epoch: 0,
  timeMs,
  width: 8,
  height: 8,
});

it('reads a sample', () => {
  const sample = {
    sampleId: 's1',
    kind: 'custom',
    prompt: 'a cat',
    step: 30n,
    epoch: 1,
    image: { width: 64, height: 48 },
  };
  expect(sampleOf(record({ case: 'sample', value: sample }), 1000)).toEqual({
    id: 's1',
    kind: 'custom',
    prompt: 'a cat',
    step: 30,
    epoch: 1,
    timeMs: 1000,
    width: 64,
    height: 48,
  });
});

it('takes none without a picture, and nothing that is no sample', () => {
  const broken = { sampleId: 's1', image: { error: 'no picture' } };
  expect(sampleOf(record({ case: 'sample', value: broken }), 0)).toBeNull();
  expect(sampleOf(record({ case: 'sample', value: { sampleId: 's1' } }), 0)).toBeNull();
  expect(sampleOf(record({ case: 'batchData', value: {} }), 0)).toBeNull();
});

it('merges each sample once, the newest first, and no more than it may keep', () => {
  const old = [at('c', 3), at('a', 1)];
  expect(mergeSamples(old, [at('a', 1)])).toBe(old);
  const merged = mergeSamples(old, [at('b', 2), at('d', 4), at('d', 4)], 3);
  expect(merged.map(({ id }) => id)).toEqual(['d', 'c', 'b']);
});

it('addresses pictures, and says what they are', () => {
  expect(pictureAddress('run 1', 'a/b')).toBe('/api/runs/run%201/samples/a%2Fb');
  expect(sampleWords({ ...at('a', 7), prompt: 'a cat' })).toBe('a cat, step 7');
  expect(sampleWords({ ...at('a', 7), kind: 'custom' })).toBe('A sample that was asked for, step 7');
});
