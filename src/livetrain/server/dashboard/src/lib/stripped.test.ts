import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ClientReportSchema, StripReason, TelemetryRequestSchema } from '../gen/livetrain/proto/telemetry_pb';
import { framesLeftOut, strippedReason, totalsOf } from './stripped';

it('names the reason, also one that only a newer trainer knows', () => {
  const reason = (stripReason: StripReason) =>
    strippedReason(create(TelemetryRequestSchema, { stripReason }));
  expect(reason(StripReason.NONE)).toBeNull();
  expect(reason(StripReason.SUPERSEDED)).toBe('superseded');
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- that it is not one of ours is the point
  expect(reason(99 as StripReason)).toBe('other');
});

it('takes the totals from the report and tells them in frames', () => {
  const report = create(ClientReportSchema, {
    counters: { sent: 9n, 'stripped.budget': 33n, 'stripped.unchanged': 160n, 'dropped.thinned': 7n },
  });
  expect(totalsOf(report, 'stripped')).toEqual(
    new Map([
      ['budget', 33],
      ['unchanged', 160],
    ]),
  );
  expect(totalsOf(report, 'dropped')).toEqual(new Map([['thinned', 7]]));
  expect(framesLeftOut(totalsOf(report, 'stripped'))).toEqual(new Map([['budget', 3]]));
  expect(totalsOf(undefined, 'dropped')).toEqual(new Map());
});
