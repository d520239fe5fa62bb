import { useEffect, useState } from 'react';

/** The time, once a second, while `active`: for what is told as "so long ago". */
export function useNow(active: boolean, everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) return;
    const tick = () => setNow(Date.now());
    tick();
    const timer = window.setInterval(tick, everyMs);
    return () => window.clearInterval(timer);
  }, [active, everyMs]);
  return now;
}
