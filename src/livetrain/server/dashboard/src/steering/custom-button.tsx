import { useId, useState, type SubmitEvent } from 'react';
import { whoWords } from '../lib/command-words';
import { rangeWords, titleOf, type Control, type Parameter } from '../lib/controls';
import { formatCount } from '../lib/format';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { give } from './give';
import styles from './steering.module.css';
import type { Steering } from './use-steering';

function Field({ parameter }: { parameter: Parameter }) {
  const { name, kind, choices } = parameter;
  const id = useId();
  const range = rangeWords(parameter);
  return (
    <div>
      <label htmlFor={id} className={styles.label}>
        {titleOf(name)} {range && <small>{range}</small>}
      </label>
      {kind === 'choice' ? (
        <select id={id} name={name} className={styles.input} defaultValue={parameter.default}>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          name={name}
          className={styles.input}
          inputMode={kind === 'int' ? 'numeric' : kind === 'float' ? 'decimal' : 'text'}
          autoComplete="off"
          defaultValue={parameter.default}
        />
      )}
    </div>
  );
}

/** A command of the training's own: a button, and a form where it takes parameters. */
export function CustomButton({ control, steering }: { control: Control; steering: Steering }) {
  const { session, commands, reason } = steering;
  const { verb, parameters } = control;
  const title = control.title || titleOf(verb);
  const newest = commands.find((command) => command.verb === verb && command.state === 'applied');
  const [seen, setSeen] = useState<string | null | undefined>(undefined);
  const open = seen !== undefined;
  const close = () => setSeen(undefined);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = parameters.map(({ name }) => {
      const value = form.get(name);
      return [name, typeof value === 'string' ? value : ''];
    });
    close();
    give(session, verb, Object.fromEntries(given) as Record<string, string>);
  };
  return (
    <>
      <Button
        data-testid={`steer-${verb}`}
        disabled={reason !== ''}
        onClick={() => (parameters.length === 0 ? give(session, verb) : setSeen(newest?.id ?? null))}
      >
        {title}
        {parameters.length > 0 && ' …'}
      </Button>
      <Dialog title={title} open={open} onClose={close}>
        <form onSubmit={submit} className={styles.form}>
          {parameters.map((parameter) => (
            <Field key={parameter.name} parameter={parameter} />
          ))}
          {newest && newest.id !== seen && (
            <p className={styles.moved}>
              The run moved on: {whoWords(newest)} did this at step {formatCount(newest.appliedStep ?? 0)}.
            </p>
          )}
          {reason && <p className={styles.moved}>{reason}</p>}
          <div className={styles.answers}>
            <Button onClick={close}>Cancel</Button>
            <Button type="submit" weight="primary" disabled={reason !== ''}>
              {title}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  );
}
