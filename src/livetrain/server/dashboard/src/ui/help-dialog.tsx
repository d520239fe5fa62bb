import { Dialog } from './dialog';
import styles from './help-dialog.module.css';

const KEYS: readonly (readonly [readonly string[], string])[] = [
  [['?'], 'this help'],
  [['p'], 'pause the training, and resume it'],
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

export function HelpDialog({ open, onClose }: Props) {
  return (
    <Dialog title="Keyboard" open={open} onClose={onClose}>
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
    </Dialog>
  );
}
