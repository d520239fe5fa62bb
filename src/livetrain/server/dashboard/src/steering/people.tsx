import { useId, useState, type SubmitEvent } from 'react';
import { useStore } from 'zustand';
import type { Command } from '../lib/commands';
import { steerWords, watchWords } from '../lib/steering';
import type { RunSession } from '../session/run-session';
import { usePrefs } from '../store/prefs-store';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { useNow } from '../ui/use-now';
import styles from './steering.module.css';

const LONGEST = 60;

/** Who else watches, and who one is oneself: asked once, and kept in this browser. */
export function People({ session, commands }: { session: RunSession; commands: readonly Command[] }) {
  const viewers = useStore(session.store, (page) => page.viewers);
  const names = useStore(session.store, (page) => page.names);
  const now = useNow(commands.length > 0);
  const name = usePrefs((prefs) => prefs.name);
  const steering = steerWords(commands, now, name || 'somebody');
  const [editing, setEditing] = useState(false);
  const id = useId();
  const asking = name === null || editing;
  const save = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get('name');
    usePrefs.setState({ name: typeof given === 'string' ? given.trim().slice(0, LONGEST) : '' });
    setEditing(false);
  };
  return (
    <div className={styles.people}>
      {viewers > 0 && (
        <span className={styles.watching} data-testid="watching">
          <Icon name="person" size={14} /> {watchWords(viewers, names, name ?? '')}
        </span>
      )}
      {steering !== '' && <span data-testid="steering-people">{steering}</span>}
      {asking ? (
        <form className={styles.name} onSubmit={save}>
          <label htmlFor={id}>Your name, for the others</label>
          <input
            id={id}
            name="name"
            className={styles.input}
            maxLength={LONGEST}
            autoComplete="nickname"
            placeholder="somebody"
            defaultValue={name ?? ''}
          />
          <Button type="submit">Keep</Button>
        </form>
      ) : (
        <Button weight="text" title="Change your name" onClick={() => setEditing(true)}>
          You are {name || 'somebody'}
        </Button>
      )}
    </div>
  );
}
