import type { Ref } from 'react';
import { Icon } from './icon';
import styles from './search-field.module.css';

interface Props {
  label: string;
  /** In the empty field; the label is for those who do not see it. */
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
  ref?: Ref<HTMLInputElement>;
}

export function SearchField({ label, placeholder = 'Search', value, onChange, ref }: Props) {
  return (
    <label className={styles.field}>
      <Icon name="search" />
      <span className="sr-only">{label}</span>
      <input
        ref={ref}
        type="search"
        placeholder={placeholder}
        value={value}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
