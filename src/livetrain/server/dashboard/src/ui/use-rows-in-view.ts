import { useEffect, useState, type RefObject } from 'react';

export interface RowsInView {
  first: number;
  /** After the last. */
  end: number;
}

/** Rows above and below what can be seen, so that a little scrolling shows no empty place. */
const SPARE = 8;

/**
 * Which rows of a long list have to be there: those in the window and a few beside them.
 *
 * @param list where the list begins.
 * @param count of all rows, each `height` CSS pixels high.
 */
export function useRowsInView(
  list: RefObject<HTMLElement | null>,
  count: number,
  height: number,
): RowsInView {
  const [view, setView] = useState<RowsInView>({ first: 0, end: 40 });
  useEffect(() => {
    let asked = 0;
    const measure = () => {
      asked = 0;
      const top = list.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / height) - SPARE);
      const end = Math.ceil((window.innerHeight - top) / height) + SPARE;
      setView((known) => (known.first === first && known.end === end ? known : { first, end }));
    };
    const later = () => {
      if (asked === 0) asked = window.requestAnimationFrame(measure);
    };
    later();
    window.addEventListener('scroll', later, { passive: true });
    window.addEventListener('resize', later);
    return () => {
      window.cancelAnimationFrame(asked);
      window.removeEventListener('scroll', later);
      window.removeEventListener('resize', later);
    };
  }, [list, count, height]);
  const first = Math.min(view.first, Math.max(0, count - 1));
  return { first, end: Math.min(count, Math.max(first, view.end)) };
}
