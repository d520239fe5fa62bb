/** The page reads records by the same rule as the server: both are held to the same examples. */
import { fromBinary, fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TelemetryRequestSchema } from '../gen/livetrain/proto/telemetry_pb';
import { PointCollector } from './points';

interface Example {
  what: string;
  record: JsonValue;
  received_ms: number;
  rank: number;
  clock_offset_us: number;
  points: { name: string; step: number; value: number | string; time_us: number }[];
}

const file = new URL('../../../../../../tests/golden/points.json', import.meta.url);
const examples = JSON.parse(readFileSync(file, 'utf8')) as Example[];

it.each(examples)('$what', ({ record, received_ms, rank, clock_offset_us, points }) => {
  const collector = new PointCollector();
  const origin = { offset: 1, receivedMs: received_ms, rank, attempt: 1, clockOffsetUs: clock_offset_us };
  // As it travels: a float is one of 32 bits.
  const sent = toBinary(TelemetryRequestSchema, fromJson(TelemetryRequestSchema, record));
  collector.add(fromBinary(TelemetryRequestSchema, sent), origin);
  const found = collector
    .take()
    .flatMap(({ name, steps, values, timesUs }) =>
      [...steps].map((step, i) => ({ name, step, value: values[i], time_us: timesUs[i] })),
    );
  const wanted = points.map((point) => ({ ...point, value: Number(point.value) }));
  const order = (a: { name: string }, b: { name: string }) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  expect(found.sort(order)).toEqual(wanted.sort(order));
});
