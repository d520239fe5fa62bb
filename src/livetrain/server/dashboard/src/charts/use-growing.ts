import { useEffect, useState } from 'react';

/** Charts that are made at once, and with each further frame. */
const AT_FIRST = 12;
const A_FRAME = 8;

/** So many of `count` charts as are made by now: hundreds at once would be one long task. */
export function useGrowing(count: number): number {
  const [made, setMade] = useState(AT_FIRST);
  useEffect(() => {
    if (made >= count) return;
    const frame = requestAnimationFrame(() => setMade(made + A_FRAME));
    return () => cancelAnimationFrame(frame);
  }, [made, count]);
  return Math.min(made, count);
}
