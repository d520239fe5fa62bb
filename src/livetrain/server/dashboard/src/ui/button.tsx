import type { ButtonHTMLAttributes } from 'react';
import styles from './controls.module.css';
import { Icon, type IconName } from './icon';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  /** The name for those who do not see the icon; the text, where there is one, is enough. */
  label?: string;
  /** Without a frame: for the header. */
  bare?: boolean;
  /** What a form is for; what cannot be undone; a word in a line that can be pressed. */
  weight?: 'primary' | 'danger' | 'text';
}

export function Button({ icon, label, bare = false, weight, children, ...rest }: Props) {
  return (
    <button
      type="button"
      className={bare ? styles.bare : styles[weight ?? 'button']}
      aria-label={label}
      title={label}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
