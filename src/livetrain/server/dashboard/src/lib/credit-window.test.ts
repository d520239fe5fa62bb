import { expect, it } from 'vitest';
import { CreditWindow } from './credit-window';

it('never lets more than the window be on its way or in hand', () => {
  const credit = new CreditWindow(2);
  let server = 1 + credit.grant(); // Hello grants one by itself
  let inHand = 0;
  expect(server).toBe(2);
  for (let round = 0; round < 50; round++) {
    if (server > 0 && round % 3 !== 2) {
      server--;
      inHand++;
      credit.received(false);
    } else if (inHand > 0) {
      inHand--;
      credit.done();
    }
    server += credit.grant();
    expect(server + inHand).toBe(2);
  }
});

it('counts a snapshot’s frame as in hand, though it cost no credit', () => {
  const credit = new CreditWindow(2);
  credit.received(true);
  expect(credit.grant()).toBe(0);
  credit.done();
  expect(credit.grant()).toBe(1);
});

it('starts again on a new connection with what is still in hand', () => {
  const credit = new CreditWindow(2);
  credit.grant();
  credit.received(false);
  credit.restart();
  expect(credit.grant()).toBe(0);
  credit.done();
  expect(credit.grant()).toBe(1);
});
