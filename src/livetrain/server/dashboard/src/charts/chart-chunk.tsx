import { useEffect, useRef, useState, type ReactNode } from 'react';
import styles from './charts-panel.module.css';
import { useGrowing } from './use-growing';

interface Props {
  /** How many charts. */
  count: number;
  /** The first so many of them. */
  children: (made: number) => ReactNode;
}

function Growing({ count, children }: Props) {
  return children(useGrowing(count));
}

/** Pixels of a chart with its head, where none was measured yet. */
const CHART_HEIGHT = 224;
/** Room above and below the view in which charts are made. */
const NEAR = '800px 0px';

/** Charts far from view are only as much room as they take: a run may have thousands. */
export function ChartChunk({ count, children }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const height = useRef(0);
  const [near, setNear] = useState(false);
  const [room, setRoom] = useState((count * CHART_HEIGHT) / 2);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const view = new IntersectionObserver(
      ([entry]) => {
        if (entry === undefined) return;
        if (!entry.isIntersecting && height.current > 0) setRoom(height.current);
        setNear(entry.isIntersecting);
      },
      { rootMargin: NEAR },
    );
    const size = new ResizeObserver(() => {
      height.current = element.clientHeight;
    });
    view.observe(element);
    size.observe(element);
    return () => {
      view.disconnect();
      size.disconnect();
    };
  }, []);
  return (
    <div ref={frame} className={styles.chunk} style={near ? undefined : { height: room }}>
      {near && (
        <div className={styles.grid}>
          <Growing count={count}>{children}</Growing>
        </div>
      )}
    </div>
  );
}
