import type { Tone } from '../lib/words';
import styles from './status-chip.module.css';

export function StatusChip({ word, tone, testId }: { word: string; tone: Tone; testId?: string }) {
  return (
    <span className={[styles.chip, styles[tone]].join(' ')}>
      <span className={styles.dot} aria-hidden="true" />
      <span data-testid={testId}>{word}</span>
    </span>
  );
}
