/** A server of before: it has no list of curves, no newest points, and answers every question with points. */
import { create } from '@bufbuild/protobuf';
import { afterEach, expect, it, vi } from 'vitest';
import { CurveSchema } from '../gen/livetrain/proto/live_pb';
import { tipOfCurve } from './views';
import { CurveDesk } from '../curve-feed/curve-desk';
import type { FromCurves } from '../curve-feed/messages';

const STEPS = Array.from({ length: 5000 }, (_, i) => i);
const asked: string[] = [];

function olderServer(path: string): Response {
  asked.push(path);
  if (path.includes('/metrics/summary')) return new Response('{"detail":"Not Found"}', { status: 404 });
  // It knows neither `stat` nor `axis`, and thins to the points that were asked for.
  const steps = path.includes('points=') ? STEPS.filter((step) => step % 5 === 0) : STEPS;
  const loss = { steps, values: steps.map((step) => step / 2), times: steps.map((step) => step) };
  return Response.json({ run_id: 'r', metrics: { loss } });
}

afterEach(() => vi.unstubAllGlobals());

it('is drawn from all the same, and lists what it told of itself', async () => {
  vi.stubGlobal('fetch', (path: string) => Promise.resolve(olderServer(path)));
  const said: FromCurves[] = [];
  const desk = new CurveDesk('r', (message) => said.push(message));
  const steps = STEPS.slice(-16);
  const curve = create(CurveSchema, {
    name: 'loss',
    steps: steps.map(BigInt),
    values: steps.map((step) => step / 2),
    times: steps,
    totalPoints: 5000n,
  });
  const tip = tipOfCurve(curve);
  expect(tip).toMatchObject({ step: 4999, value: 2499.5, points: 5000, lastFiniteStep: 4999 });
  desk.hear({ type: 'snapshot', epoch: 'e', offset: 9, tips: tip === null ? [] : [tip], metricCount: 0 });
  desk.take({ type: 'chart', chart: 'A', curves: [{ name: 'loss', exact: false }] });
  desk.take({ type: 'list', wanted: 'lo' });
  await vi.waitFor(() => expect(desk.settled && said.some(({ type }) => type === 'list')).toBe(true));
  desk.turn();
  desk.take({ type: 'stop' });
  expect(asked.some((path) => path.includes('stat=buckets'))).toBe(true);
  const drawn = said.findLast((message) => message.type === 'chart')?.data.curves[0];
  const line = drawn?.lines[0]?.line;
  expect([drawn?.lines.length, line?.x[0], line?.x.at(-1)]).toEqual([1, 3.5, 4995]);
  expect(line?.mean.every((value, i) => Math.abs(value - (line.x[i] ?? 0) / 2) < 2)).toBe(true);
  expect(said.find((message) => message.type === 'list')).toEqual({ type: 'list', wanted: 'lo', names: [], total: 1, more: false }); // prettier-ignore
  expect(said.find((message) => message.type === 'tips')).toMatchObject({ fresh: true, metricCount: 1 });
});
