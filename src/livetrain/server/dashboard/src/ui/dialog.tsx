import { useEffect, useRef, type ReactNode } from 'react';
import { Button } from './button';
import styles from './dialog.module.css';

interface Props {
  title: string;
  open: boolean;
  /** For what has long lines. */
  wide?: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** The browser's own modal dialog: it keeps the focus inside, closes on Esc and makes the rest inert. */
export function Dialog({ title, open, wide = false, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) {
      dialog.current?.showModal();
      // Not the button that closes it, which comes first.
      dialog.current?.querySelector<HTMLElement>('[data-first], input, select')?.focus();
    } else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} className={wide ? styles.wide : styles.dialog} aria-label={title} onClose={onClose}>
      <div className={styles.head}>
        <h2>{title}</h2>
        <Button bare icon="close" label="Close" onClick={onClose} />
      </div>
      {open && children}
    </dialog>
  );
}
