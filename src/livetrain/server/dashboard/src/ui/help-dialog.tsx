import { useEffect, useRef } from 'react';
import { Button } from './button';
import styles from './help-dialog.module.css';

const KEYS: readonly (readonly [readonly string[], string])[] = [
  [['?'], 'this help'],
  [['h'], 'hold the picture still, and go on'],
  [['w'], 'order the tiles: as drawn, or the worst first'],
  [['←', '↑', '→', '↓'], 'from tile to tile, when one has the focus'],
  [['Enter'], 'the top 5 of a tile'],
  [['l'], 'logarithmic scale'],
  [['x'], 'x axis: step, time, epoch'],
  [['+', '−'], 'zoom the curves; ← → to move, when a chart has the focus'],
  [['0'], 'show the whole curve'],
  [['t'], 'theme: system, dark, light'],
  [['Esc'], 'close what is open'],
];

interface Props {
  open: boolean;
  onClose: () => void;
}

/** The browser's own modal dialog: it keeps the focus inside, closes on Esc and makes the rest inert. */
export function HelpDialog({ open, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby="help-title" onClose={onClose}>
      <div className={styles.head}>
        <h2 id="help-title">Keyboard</h2>
        <Button bare icon="close" label="Close" onClick={onClose} />
      </div>
      <dl className={styles.keys}>
        {KEYS.map(([keys, what]) => (
          <div key={what} style={{ display: 'contents' }}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.note}>
        Drag across a curve to zoom in, double-click to see all of it again. A tick in a disc is a right
        prediction, a cross in a square a wrong one; under a picture stand the prediction and below it the
        truth; the bar is the model’s confidence.
      </p>
    </dialog>
  );
}
