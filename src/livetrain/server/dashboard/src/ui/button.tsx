import type { ButtonHTMLAttributes } from 'react';
import styles from './controls.module.css';
import { Icon, type IconName } from './icon';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  /** The name for those who do not see the icon; the text, where there is one, is enough. */
  label?: string;
  /** Without a frame: for the header. */
  bare?: boolean;
}

export function Button({ icon, label, bare = false, children, ...rest }: Props) {
  return (
    <button
      type="button"
      className={bare ? styles.bare : styles.button}
      aria-label={label}
      title={label}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
