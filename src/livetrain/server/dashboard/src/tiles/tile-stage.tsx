import { useEffect, useRef, useState } from 'react';
import { layOut } from '../lib/mosaic-geometry';
import { Mosaic } from '../paint/mosaic';
import type { RunSession } from '../session/run-session';
import { usePrefs } from '../store/prefs-store';
import { THEME_EVENT } from '../ui/theme';
import { TileButtons } from './tile-buttons';
import styles from './tiles-panel.module.css';

/** The canvas and what stands over it. React sees it when its size changes, never when a frame comes. */
export function TileStage({ session, stale }: { session: RunSession; stale: boolean }) {
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [geometry, setGeometry] = useState(() => layOut(640));
  const order = usePrefs((prefs) => prefs.order);

  useEffect(() => {
    if (canvas.current === null || stage.current === null) return;
    const mosaic = new Mosaic(canvas.current);
    mosaic.setOrder(usePrefs.getState().order);
    const element = stage.current;
    let shown = '';
    const fit = () => {
      const width = Math.floor(element.clientWidth);
      const scale = window.devicePixelRatio;
      // The canvas gives the stage its height, so only another width or scale is news.
      if (width === 0 || shown === `${width}@${scale}`) return;
      shown = `${width}@${scale}`;
      setGeometry(mosaic.resize(width, scale));
    };
    fit();
    session.attach(mosaic);
    const size = new ResizeObserver(fit);
    size.observe(element);
    const recolour = () => mosaic.recolour();
    window.addEventListener(THEME_EVENT, recolour);
    return () => {
      session.attach(null);
      size.disconnect();
      window.removeEventListener(THEME_EVENT, recolour);
    };
  }, [session]);

  useEffect(() => session.tiles?.setOrder(order), [order, session]);

  return (
    <div ref={stage} className={styles.stage}>
      <canvas
        ref={canvas}
        className={[styles.canvas, stale && styles.stale].filter(Boolean).join(' ')}
        data-testid="tiles"
        aria-label="The samples of this step with the model’s predictions"
      />
      <TileButtons session={session} geometry={geometry} />
    </div>
  );
}
