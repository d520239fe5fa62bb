import { expect, it } from 'vitest';
import type { CurveQuestion } from '../api/metrics';
import { Inquiries, type Inquiry, type Need } from './inquiries';

/** A server whose answers are given one by one. */
function server() {
  const asked: { inquiry: Inquiry; answer: () => void; fail: () => void }[] = [];
  let again = 0;
  const inquiries = new Inquiries(
    (inquiry) =>
      new Promise<void>((resolve, reject) => {
        asked.push({ inquiry, answer: resolve, fail: () => reject(new Error('no')) });
        inquiry.signal.addEventListener('abort', () => reject(new Error('given up')));
      }),
    () => again++,
  );
  return { inquiries, asked, again: () => again };
}

const WHOLE: CurveQuestion = { kind: 'whole', placing: 'step', attempt: 0 };
const tiles = (first: number, last: number): CurveQuestion => ({
  kind: 'tiles',
  run: { placing: 'step', level: 0, first, last },
  attempt: 0,
});
const settled = () => new Promise((resolve) => setTimeout(resolve));

it('asks for several curves at once, and for nothing twice', () => {
  const { inquiries, asked } = server();
  const needs: Need[] = ['a', 'b', 'a'].map((name) => ({ name, question: WHOLE }));
  inquiries.pursue(needs);
  inquiries.pursue(needs);
  expect(asked.map(({ inquiry }) => inquiry.names)).toEqual([['a', 'b']]);
});

it('asks again for what did not come, after a while', async () => {
  const { inquiries, asked, again } = server();
  inquiries.pursue([{ name: 'a', question: WHOLE }]);
  asked[0]?.fail();
  await settled();
  inquiries.pursue([{ name: 'a', question: WHOLE }]);
  expect([asked.length, again()]).toEqual([1, 1]);
  inquiries.stop();
});

it('has few questions open, and names that fit into an address', async () => {
  const { inquiries, asked } = server();
  const needs = Array.from({ length: 300 }, (_, i) => ({ name: `metric ${i}`, question: WHOLE }));
  inquiries.pursue(needs);
  expect(asked.map(({ inquiry }) => inquiry.names.length)).toEqual([50, 50, 50, 50]);
  asked[0]?.answer();
  await settled();
  inquiries.pursue(needs.slice(200));
  expect(asked).toHaveLength(5);
  const long = server();
  long.inquiries.pursue(
    Array.from({ length: 6 }, (_, i) => ({ name: `${i}`.repeat(2000), question: WHOLE })),
  );
  expect(long.asked.map(({ inquiry }) => inquiry.names.length)).toEqual([3, 3]);
});

it('asks only for the tiles that are not on their way, and gives up those of a view that was left', async () => {
  const { inquiries, asked } = server();
  inquiries.pursue([{ name: 'a', question: tiles(3, 5) }]);
  inquiries.pursue([{ name: 'a', question: tiles(4, 8) }]);
  expect(asked.map(({ inquiry }) => inquiry.question)).toEqual([tiles(3, 5), tiles(6, 8)]);
  inquiries.pursue([{ name: 'a', question: tiles(100, 101) }]);
  await settled();
  expect(asked.slice(0, 2).map(({ inquiry }) => inquiry.signal.aborted)).toEqual([true, true]);
  expect(inquiries.count).toBe(1);
});
