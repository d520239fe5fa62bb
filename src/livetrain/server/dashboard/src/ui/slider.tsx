import { Slider as Radix } from 'radix-ui';
import styles from './controls.module.css';

interface Props {
  label: string;
  value: number;
  max: number;
  step: number;
  show: (value: number) => string;
  onChange: (value: number) => void;
}

export function Slider({ label, value, max, step, show, onChange }: Props) {
  return (
    <span className={styles.sliderLabel}>
      <span aria-hidden="true">{label}</span>
      <Radix.Root
        className={styles.slider}
        min={0}
        max={max}
        step={step}
        value={[value]}
        onValueChange={([next]) => onChange(next ?? 0)}
      >
        <Radix.Track className={styles.track}>
          <Radix.Range className={styles.range} />
        </Radix.Track>
        <Radix.Thumb className={styles.thumb} aria-label={label} aria-valuetext={show(value)} />
      </Radix.Root>
      <span className={styles.value}>{show(value)}</span>
    </span>
  );
}
