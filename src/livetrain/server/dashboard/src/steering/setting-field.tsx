import { useId, useState, type SubmitEvent } from 'react';
import { useStore } from 'zustand';
import { outcomeWords, stateLook } from '../lib/command-words';
import { isFinal } from '../lib/commands';
import { own } from '../lib/own';
import { rangeWords, takesWords, titleOf, type Parameter } from '../lib/controls';
import { currentValue, lastWriter, movedOn, originWords } from '../lib/steering';
import { Button } from '../ui/button';
import { give } from './give';
import styles from './steering.module.css';
import type { Steering } from './use-steering';

interface Draft {
  text: string;
  /** The command that the value had come from when typing began. */
  seen: string | undefined;
  /** The command that this draft was given as; null: not yet. */
  given: string | null;
}

/** One value that can be set: as it is now, who made it so, and what becomes of what is typed here. */
export function SettingField({ parameter, steering }: { parameter: Parameter; steering: Steering }) {
  const { session, commands, reason } = steering;
  const { name, kind } = parameter;
  const id = useId();
  const [draft, setDraft] = useState<Draft | null>(null);
  useStore(session.store, (page) => page.curvesVersion);
  const writer = lastWriter(commands, name);
  const last = session.tips.counting(name) ?? null;
  const value = currentValue(parameter, writer, last);

  const given = draft === null ? undefined : commands.find((command) => command.id === draft.given);
  const done = given?.state === 'applied';
  const refused = given !== undefined && !done && (isFinal(given) || given.trouble !== '');
  const open = draft !== null && !done;
  const moved = open && draft.given === null ? movedOn(writer, draft.seen, name) : '';
  const order = (asked: string) => give(session, 'set', { [name]: asked });

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (draft === null || draft.text.trim() === '') return;
    setDraft({ ...draft, given: order(draft.text.trim()) });
  };
  const pending = given !== undefined && !isFinal(given) && given.trouble === '';
  const range = rangeWords(parameter);
  return (
    <form className={styles.setting} onSubmit={submit} data-testid={`setting-${name}`}>
      <label htmlFor={id} className={styles.label}>
        {titleOf(name)} {range && <small>{range}</small>}
      </label>
      <div className={styles.inputs}>
        <input
          id={id}
          className={styles.input}
          inputMode={kind === 'int' ? 'numeric' : 'decimal'}
          autoComplete="off"
          spellCheck={false}
          disabled={reason !== ''}
          value={open ? draft.text : value}
          aria-invalid={refused}
          aria-describedby={`${id}-note`}
          onChange={({ target }) =>
            // What was seen stays what it was when typing began; a draft that was given begins anew.
            setDraft((old) => ({
              text: target.value,
              seen: old !== null && old.given === null ? old.seen : writer?.id,
              given: null,
            }))
          }
          onKeyDown={(event) => {
            if (event.key === 'Escape') setDraft(null);
          }}
        />
        <Button type="submit" disabled={reason !== '' || !open || draft.text.trim() === '' || pending}>
          Set
        </Button>
        {takesWords(parameter) && (
          <span className={styles.words}>
            <Button label="Halve it" disabled={reason !== ''} onClick={() => order('x0.5')}>
              ½
            </Button>
            <Button label="Double it" disabled={reason !== ''} onClick={() => order('x2')}>
              ×2
            </Button>
            <Button
              title="Give it back to the scheduler"
              disabled={reason !== '' || writer === undefined || own(writer.parameters, name) === 'follow'}
              onClick={() => order('follow')}
            >
              Follow
            </Button>
            <Button
              title="Take back the last change"
              disabled={reason !== '' || writer === undefined}
              onClick={() => order('undo')}
            >
              Undo
            </Button>
          </span>
        )}
      </div>
      <p id={`${id}-note`} className={styles.note} data-testid={`note-${name}`}>
        {refused && (
          <span className={styles.refused}>
            {stateLook(given).word}: {outcomeWords(given)}{' '}
          </span>
        )}
        {moved && <span className={styles.moved}>{moved} </span>}
        <span>
          {value}
          {writer ? `, ${originWords(writer, name)}` : value && ', as the training has it'}
        </span>
      </p>
    </form>
  );
}
