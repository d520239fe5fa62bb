import { useStore } from 'zustand';
import { formatCount, formatMetric } from '../../lib/format';
import { columnsOf, type ClientView, type RoundView } from '../../lib/rounds';
import type { RunStore } from '../../store/run-store';
import { Panel } from '../../ui/panel';
import styles from './rounds-panel.module.css';

/** Of a client these have words of their own. */
const OWN_WORDS = new Set(['num_samples', 'local_epoch']);

/** The rounds of a federated training and the clients of the newest. Not there for any other training. */
export function RoundsPanel({ store }: { store: RunStore }) {
  const rounds = useStore(store, (page) => page.rounds);
  const newest = rounds[0];
  if (newest === undefined) return null;
  const withClients = rounds.find(({ clients }) => clients.length > 0);
  const of = newest.total > 0 ? ` of ${formatCount(newest.total)}` : '';
  return (
    <Panel
      title="Rounds"
      tools={
        <span className={styles.now} data-testid="round">
          Round {formatCount(newest.round)}
          {of}, {newest.done ? 'done' : 'under way'}
        </span>
      }
    >
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must take the keys */}
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Rounds, the newest first">
        <RoundTable rounds={rounds} />
      </div>
      {withClients && (
        <>
          <h3 className={styles.sub}>Clients of round {formatCount(withClients.round)}</h3>
          <ul className={styles.clients} data-testid="round-clients">
            {withClients.clients.map((client) => (
              <Client key={client.name} client={client} />
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function RoundTable({ rounds }: { rounds: readonly RoundView[] }) {
  const columns = columnsOf(rounds.map(({ metrics }) => metrics));
  return (
    <table className={styles.table} data-testid="rounds">
      <thead>
        <tr>
          <th scope="col">Round</th>
          {columns.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          <th scope="col">Clients</th>
        </tr>
      </thead>
      <tbody>
        {rounds.map(({ round, done, metrics, clients }) => (
          <tr key={round}>
            <th scope="row">
              {formatCount(round)}
              {!done && <span className={styles.open}> under way</span>}
            </th>
            {columns.map((name) => (
              <td key={name}>{formatMetric(metrics.get(name))}</td>
            ))}
            <td>
              {clients.length === 0
                ? '–'
                : `${clients.filter(({ state }) => state === 'done').length} / ${clients.length}`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Client({ client }: { client: ClientView }) {
  const samples = client.metrics.get('num_samples');
  const epoch = client.metrics.get('local_epoch');
  const others = new Map([...client.metrics].filter(([name]) => !OWN_WORDS.has(name)));
  const facts = columnsOf([others], 3).map((name) => `${name} ${formatMetric(others.get(name))}`);
  if (samples !== undefined) facts.push(`${formatCount(samples)} samples`);
  if (epoch !== undefined && client.state === 'training') facts.push(`epoch ${formatCount(epoch)}`);
  return (
    <li className={styles.client}>
      <span className={styles.name}>{client.name}</span>
      <span className={client.state === 'done' ? styles.done : styles.training}>{client.state}</span>
      <span className={styles.facts}>{facts.join(', ')}</span>
    </li>
  );
}
