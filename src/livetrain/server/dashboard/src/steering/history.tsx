import { useState } from 'react';
import { outcomeWords, stateLook, whatWords, whoWords } from '../lib/command-words';
import type { Command } from '../lib/commands';
import { formatClock, formatCount, isoTime } from '../lib/format';
import { Button } from '../ui/button';
import { StatusChip } from '../ui/status-chip';
import { giveAgain } from './give';
import styles from './history.module.css';
import type { Steering } from './use-steering';

const FIRST = 3;
const MOST = 200;

function Row({ command, steering }: { command: Command; steering: Steering }) {
  const { word, tone } = stateLook(command);
  return (
    <li className={styles.row} data-testid="command" data-state={command.state}>
      <StatusChip word={word} tone={tone} />
      <span className={styles.what}>
        <strong>{whatWords(command, steering.titles)}</strong>{' '}
        <span className={styles.outcome}>{outcomeWords(command)}</span>
        {command.trouble !== '' && (
          <Button onClick={() => giveAgain(steering.session, command.id)}>Send again</Button>
        )}
      </span>
      <span className={styles.who}>
        {whoWords(command)} <time dateTime={isoTime(command.issuedMs)}>{formatClock(command.issuedMs)}</time>
      </span>
    </li>
  );
}

/** Who gave which command, how each stands, the newest first. */
export function History({ steering }: { steering: Steering }) {
  const { commands } = steering;
  const [all, setAll] = useState(false);
  if (commands.length === 0) return null;
  return (
    <div className={styles.history}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a list that scrolls must take the keys */}
      <ol className={styles.list} aria-label="Commands, the newest first" tabIndex={all ? 0 : undefined}>
        {commands.slice(0, all ? MOST : FIRST).map((command) => (
          <Row key={command.id} command={command} steering={steering} />
        ))}
      </ol>
      {commands.length > FIRST && (
        <Button weight="text" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show the newest only' : `Show all ${formatCount(Math.min(commands.length, MOST))}`}
        </Button>
      )}
    </div>
  );
}
