import { useId, type ReactNode } from 'react';
import styles from './panel.module.css';

interface Props {
  title: ReactNode;
  tools?: ReactNode;
  className?: string | undefined;
  children: ReactNode;
}

export function Panel({ title, tools, className, children }: Props) {
  const id = useId();
  return (
    <section className={[styles.panel, className].filter(Boolean).join(' ')} aria-labelledby={id}>
      <header className={styles.head}>
        <h2 id={id} className={styles.title}>
          {title}
        </h2>
        {tools}
      </header>
      <div className={styles.body}>{children}</div>
    </section>
  );
}
