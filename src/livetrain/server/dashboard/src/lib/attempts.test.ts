import { expect, it } from 'vitest';
import { segmentsOf } from './attempts';

it('says of each start up to which step it counts', () => {
  expect(segmentsOf([])).toEqual([{ attempt: 0, untilStep: null }]);
  expect(segmentsOf([{ attempt: 1, fromStep: 0 }])).toEqual([{ attempt: 0, untilStep: null }]);
  const three = [
    { attempt: 1, fromStep: 0 },
    { attempt: 2, fromStep: 500 },
    { attempt: 3, fromStep: 300 },
  ];
  expect(segmentsOf(three)).toEqual([
    { attempt: 1, untilStep: 300 },
    { attempt: 2, untilStep: 300 },
    { attempt: 3, untilStep: null },
  ]);
});

it('shows the newest of many', () => {
  const many = Array.from({ length: 100 }, (_, i) => ({ attempt: i + 1, fromStep: i }));
  expect(segmentsOf(many).map(({ attempt }) => attempt)).toEqual([93, 94, 95, 96, 97, 98, 99, 100]);
});
