import { describe, expect, it } from 'vitest';
import type { CurveQuestion } from '../api/metrics';
import { readMetrics } from '../lib/curves/answer';
import type { Tip } from '../lib/curves/tip';
import type { PointColumns } from '../lib/points';
import { CurveBook } from './curve-book';
import type { ChartData, FromCurves } from './messages';

const tip = (name: string, points: number): Tip => ({
  name,
  step: points - 1,
  value: 1,
  timeUs: 0,
  points,
  nonfinite: 0,
  lastFinite: 1,
  lastFiniteStep: points - 1,
  attempt: 1,
});

const columns = (name: string, steps: readonly number[], attempt = 1): PointColumns => ({
  name,
  attempt,
  steps: Float64Array.from(steps),
  values: Float64Array.from(steps),
  timesUs: Float64Array.from(steps, (step) => step * 1e6),
  // An event a step, beginning with 1.
  offsets: Float64Array.from(steps, (step) => step + 1),
});

/** A server that knows every step of a curve up to an event. */
function world() {
  const said: FromCurves[] = [];
  const asked: { names: readonly string[]; question: CurveQuestion }[] = [];
  let known = 0;
  const release: (() => void)[] = [];
  const book = new CurveBook(
    async (names, question) => {
      asked.push({ names, question });
      await new Promise<void>((resolve) => release.push(resolve));
      const steps = Array.from({ length: known }, (_, i) => i);
      const curve = { steps, values: steps, times: steps, offset: known };
      return readMetrics({ metrics: Object.fromEntries(names.map((name) => [name, curve])) });
    },
    (message) => said.push(message),
  );
  const answer = async (upTo: number) => {
    known = upTo;
    for (const resolve of release.splice(0)) resolve();
    await new Promise((resolve) => setTimeout(resolve));
  };
  const chart = (): ChartData | undefined => said.findLast((message) => message.type === 'chart')?.data;
  const steps = () => [...(chart()?.curves[0]?.lines.at(-1)?.line.x ?? [])];
  return { book, asked, said, answer, chart, steps };
}

describe('the book of curves', () => {
  it('asks only for what is in view, and draws it as it comes', async () => {
    const { book, asked, answer, steps } = world();
    book.snapshot('e', 3, [tip('a', 3), tip('b', 3)], 2);
    book.setChart('A', [{ name: 'a', exact: false }]);
    book.pursue();
    expect(asked).toEqual([{ names: ['a'], question: { kind: 'points', attempt: 0 } }]);
    await answer(3);
    expect(steps()).toEqual([0, 1, 2]);
    book.points([columns('a', [3, 4]), columns('b', [3])], 5);
    book.say();
    expect(steps()).toEqual([0, 1, 2, 3, 4]);
    book.pursue();
    expect(asked).toHaveLength(1);
  });

  it('holds each point once, though an answer has some of those that came live meanwhile', async () => {
    const { book, answer, steps } = world();
    book.snapshot('e', 3, [tip('a', 3)], 1);
    book.setChart('A', [{ name: 'a', exact: false }]);
    book.pursue();
    book.points([columns('a', [3, 4])], 5);
    book.points([columns('a', [5])], 6);
    // As of the event 5: of what came live the last is not in it.
    await answer(5);
    expect(steps()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('asks for long curves in stretches, and anew when the page starts over', async () => {
    const { book, asked, answer } = world();
    book.snapshot('e', 9000, [tip('a', 9000)], 1);
    book.setChart('A', [{ name: 'a', exact: false }]);
    book.pursue();
    expect(asked[0]?.question).toEqual({ kind: 'whole', placing: 'step', attempt: 0 });
    await answer(9000);
    book.snapshot('other', 9000, [tip('a', 9000)], 1);
    book.pursue();
    expect(asked).toHaveLength(2);
  });

  it('keeps the starts of a resumed training apart', async () => {
    const { book, asked, answer, chart } = world();
    const attempts = [
      { attempt: 1, fromStep: 0 },
      { attempt: 2, fromStep: 2 },
    ];
    book.snapshot('e', 3, [tip('a', 3)], 1);
    book.run(1, 0, attempts);
    book.setChart('A', [{ name: 'a', exact: false }]);
    book.pursue();
    expect(asked.map(({ question }) => [question.kind, question.attempt])).toEqual([
      ['whole', 1],
      ['points', 2],
    ]);
    await answer(3);
    const roles = chart()?.curves[0]?.lines.map(({ role, line }) => [role, [...line.x]]);
    expect(roles).toEqual([
      ['main', [0, 1]],
      ['replaced', [2]],
      ['main', [0, 1, 2]],
    ]);
  });

  it('says the newest value of every curve, drawn or not', () => {
    const { book, said } = world();
    book.snapshot('e', 3, [tip('a', 3)], 1);
    book.say();
    book.points([columns('a', [3]), columns('new', [0])], 4);
    book.say();
    const tips = said.flatMap((message) => (message.type === 'tips' ? [message] : []));
    expect(tips.map(({ fresh, tips }) => [fresh, tips.map(({ name, points }) => [name, points])])).toEqual([
      [true, [['a', 3]]],
      [false, [['a', 4], ['new', 1]]],
    ]); // prettier-ignore
  });
});
