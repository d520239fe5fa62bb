import { expect, it } from 'vitest';
import { own } from './own';

it('finds what is there and nothing that only every object has', () => {
  const held = Object.fromEntries([
    ['a', 1],
    ['__proto__', 2],
  ]);
  expect(own(held, 'a')).toBe(1);
  expect(own(held, '__proto__')).toBe(2);
  for (const name of ['constructor', 'toString', 'b']) expect(own(held, name)).toBeUndefined();
  expect(own({}, '__proto__')).toBeUndefined();
});
