import { useStore } from 'zustand';
import type { RunSession } from '../session/run-session';
import { Panel } from '../ui/panel';
import { CustomButton } from './custom-button';
import { History } from './history';
import { PauseButton } from './pause-button';
import { People } from './people';
import { SettingField } from './setting-field';
import { StopButton } from './stop-button';
import styles from './steering.module.css';
import { useSteering } from './use-steering';

/** What the trainer lets itself be told, and what became of what it was told. A run that takes nothing has no panel. */
export function ControlPanel({ session }: { session: RunSession }) {
  const steering = useSteering(session);
  const announcement = useStore(session.store, (page) => page.announcement);
  const { offer, reason, commands, over } = steering;
  const buttons = offer.pause || offer.resume || offer.stop || offer.custom.length > 0;
  const offered = buttons || offer.settings.length > 0;
  if (!offered && commands.length === 0 && offer.impossible === '') return null;
  // Nothing was ever asked of it, and nothing can be any more.
  if (over && commands.length === 0) return null;
  return (
    <Panel title="Control" tools={<People session={session} commands={commands} />}>
      <p className="sr-only" role="status" data-testid="announcement">
        {announcement}
      </p>
      {reason && (
        <p className={styles.reason} data-testid="steering-reason">
          {reason}
        </p>
      )}
      {!offered && reason === '' && offer.impossible !== '' && (
        <p className={styles.impossible} data-testid="steering-impossible">
          This training cannot be steered: {offer.impossible}.
        </p>
      )}
      {buttons && (
        <div className={styles.buttons}>
          <PauseButton steering={steering} />
          {offer.stop && <StopButton steering={steering} />}
          {offer.custom.map((control) => (
            <CustomButton key={control.verb} control={control} steering={steering} />
          ))}
        </div>
      )}
      {offer.settings.length > 0 && (
        <div className={styles.settings}>
          {offer.settings.map((parameter) => (
            <SettingField key={parameter.name} parameter={parameter} steering={steering} />
          ))}
        </div>
      )}
      <History steering={steering} />
    </Panel>
  );
}
