import type { Tone } from '../lib/words';
import styles from './status-chip.module.css';

interface Props {
  word: string;
  tone: Tone;
  /** What the word leaves out: "rank 3 lost at step 400". */
  note?: string;
  testId?: string;
}

export function StatusChip({ word, tone, note = '', testId }: Props) {
  return (
    <span className={[styles.chip, styles[tone]].join(' ')}>
      <span className={styles.dot} aria-hidden="true" />
      <span data-testid={testId}>{word}</span>
      {note !== '' && (
        <span className={styles.note} data-testid={testId && `${testId}-note`} title={note}>
          · {note}
        </span>
      )}
    </span>
  );
}
