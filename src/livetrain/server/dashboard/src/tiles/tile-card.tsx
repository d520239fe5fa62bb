import { useEffect, useReducer, useRef } from 'react';
import { useStore } from 'zustand';
import { formatMetric, formatPercent } from '../lib/format';
import { headline, type Tile } from '../lib/tile';
import type { RunSession } from '../session/run-session';
import styles from './tiles-panel.module.css';

const ZOOM = 192;

function Verdict({ tile }: { tile: Tile }) {
  if (tile.truth === null) return <span>No truth given</span>;
  if (tile.right === null) return <span>Truth: {tile.truth.label}</span>;
  return tile.right ? (
    <span className={styles.isRight}>✓ Right</span>
  ) : (
    <span className={styles.isWrong}>✗ Wrong, truth is {tile.truth.label}</span>
  );
}

/** A tile up close: the picture, the five best guesses, and what is known of the sample. Follows the live frame. */
export function TileCard({ session, position }: { session: RunSession; position: number }) {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const held = useStore(session.store, (page) => page.held);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => session.stage.watch(again), [session]);
  useEffect(() => {
    session.stage.look({ position, side: ZOOM });
    return () => session.stage.look(null);
  }, [position, session]);
  useEffect(() => {
    if (canvas.current) session.stage.drawCloseUp(canvas.current);
  });
  const tile = session.stage.tileAt(position);
  if (!tile) return <p>No tile here yet.</p>;
  return (
    <>
      <div className={styles.cardHead}>
        <canvas ref={canvas} className={styles.zoom} width={ZOOM} height={ZOOM} aria-hidden="true" />
        <div className={styles.facts}>
          <strong>{headline(tile)}</strong>
          {tile.index >= 0 && tile.confidence !== null && (
            <div>Confidence {formatPercent(tile.confidence, 1)}</div>
          )}
          <div>
            <Verdict tile={tile} />
          </div>
          {tile.loss !== null && <div>Loss {formatMetric(tile.loss)}</div>}
          {tile.id !== '' && <div>Sample {tile.id}</div>}
          {tile.error !== '' && <div className={styles.isWrong}>No picture: {tile.error}</div>}
        </div>
      </div>
      <ol className={styles.scores} aria-label="Best guesses">
        {tile.top.map(({ index, label, score }) => (
          <li key={index}>
            <span className={styles.name}>
              {label}
              {index === tile.truth?.index && ' (truth)'}
            </span>
            <span>{formatPercent(score, 1)}</span>
            <span className={styles.bar} aria-hidden="true">
              <span
                className={index === tile.truth?.index ? styles.truth : undefined}
                style={{ width: `${Math.min(1, Math.max(0, score || 0)) * 100}%` }}
              />
            </span>
          </li>
        ))}
      </ol>
      {!held && (
        <p className={styles.hint}>
          <kbd>h</kbd> holds the picture still
        </p>
      )}
      {tile.top.length === 0 && <p className={styles.facts}>The trainer gave no further guesses.</p>}
    </>
  );
}
