import { useEffect, useRef, useState } from 'react';
import { layOut } from '../lib/mosaic-geometry';
import type { RunSession } from '../session/run-session';
import { usePrefs } from '../store/prefs-store';
import { THEME_EVENT } from '../ui/theme';
import { TileButtons } from './tile-buttons';
import styles from './tiles-panel.module.css';

function makeCanvas(): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.className = styles.canvas ?? '';
  canvas.dataset.testid = 'tiles';
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', 'The samples of this step with the model’s predictions');
  return canvas;
}

/** The canvas and what stands over it. React sees it when its size changes, never when a frame comes. */
export function TileStage({ session, stale }: { session: RunSession; stale: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const [geometry, setGeometry] = useState(() => layOut(640));
  const order = usePrefs((prefs) => prefs.order);
  const contrast = usePrefs((prefs) => prefs.contrast);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const { stage } = session;
    // A canvas is handed to the worker once and for all, so each session has one of its own.
    const canvas = makeCanvas();
    element.append(canvas);
    stage.attach(canvas);
    let shown = '';
    const fit = () => {
      const width = Math.floor(element.clientWidth);
      const scale = window.devicePixelRatio;
      // The canvas gives the stage its height, so only another width or scale is news.
      if (width === 0 || shown === `${width}@${scale}`) return;
      shown = `${width}@${scale}`;
      setGeometry(stage.resize(width, scale));
    };
    fit();
    const size = new ResizeObserver(fit);
    size.observe(element);
    const recolour = () => stage.recolour();
    window.addEventListener(THEME_EVENT, recolour);
    return () => {
      stage.detach();
      canvas.remove();
      size.disconnect();
      window.removeEventListener(THEME_EVENT, recolour);
    };
  }, [session]);

  useEffect(() => session.stage.setOrder(order), [order, session]);
  useEffect(() => session.stage.setContrast(contrast), [contrast, session]);

  return (
    <div className={styles.stage}>
      <div ref={host} className={stale ? styles.stale : undefined} />
      <TileButtons session={session} geometry={geometry} />
    </div>
  );
}
