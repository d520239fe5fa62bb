import { Link } from 'wouter';
import { useStore } from 'zustand';
import type { RunSession } from '../session/run-session';
import mark from '../styles/mark.svg';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { ThemeButton } from '../ui/theme-button';
import styles from './header.module.css';
import { Vitals } from './vitals';

function Crumb({ session }: { session: RunSession }) {
  const name = useStore(session.store, (page) => page.run?.name ?? '');
  return (
    <>
      <Icon name="chevron" size={12} />
      <span className={styles.name} title={name}>
        {name || session.runId}
      </span>
    </>
  );
}

export function Header({ session, onHelp }: { session: RunSession | null; onHelp: () => void }) {
  return (
    <header className={styles.header}>
      <Link href="/" className={styles.brand ?? ''} aria-label="livetrain, all runs">
        <img src={mark} alt="" />
        <span className={styles.brandName}>livetrain</span>
      </Link>
      <div className={styles.crumb}>{session && <Crumb session={session} />}</div>
      {session && <Vitals store={session.store} />}
      <div className={styles.tools}>
        <ThemeButton />
        <Button bare icon="help" label="Keyboard help" onClick={onHelp} />
      </div>
    </header>
  );
}
