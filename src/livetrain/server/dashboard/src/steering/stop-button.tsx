import { useState } from 'react';
import { useStore } from 'zustand';
import { whoWords } from '../lib/command-words';
import { formatCount } from '../lib/format';
import { underWay } from '../lib/steering';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { give } from './give';
import styles from './steering.module.css';
import type { Steering } from './use-steering';

/** Asks once: a training that is stopped does not go on. */
export function StopButton({ steering }: { steering: Steering }) {
  const { session, commands, reason } = steering;
  const [asking, setAsking] = useState(false);
  const name = useStore(session.store, (page) => page.run?.name ?? '');
  const step = useStore(session.store, (page) => page.step);
  const pending = underWay(commands, ['stop']);
  const given = commands.find(({ verb, state }) => verb === 'stop' && state === 'applied');
  const close = () => setAsking(false);
  const moved = given && `The run moved on: ${whoWords(given)} has stopped it already.`;
  return (
    <>
      <Button
        icon="stop"
        data-testid="steer-stop"
        aria-busy={pending !== undefined}
        disabled={reason !== '' || pending !== undefined}
        onClick={() => setAsking(true)}
      >
        {pending ? 'Stopping …' : 'Stop'}
      </Button>
      <Dialog title="Stop this training?" open={asking} onClose={close}>
        <p>
          <strong>{name}</strong> is at step {formatCount(step ?? 0)}. It ends after the step that it is at,
          and what the training does at its end is still done, such as writing a checkpoint. It cannot be
          resumed from here.
        </p>
        {(reason || moved) && <p className={styles.moved}>{reason || moved}</p>}
        <div className={styles.answers}>
          <Button data-first onClick={close}>
            Let it go on
          </Button>
          <Button
            data-testid="steer-stop-confirm"
            weight="danger"
            disabled={reason !== ''}
            onClick={() => {
              close();
              give(session, 'stop');
            }}
          >
            Stop the training
          </Button>
        </div>
      </Dialog>
    </>
  );
}
