import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { listSamples } from '../../api/samples';
import { formatClock, formatCount } from '../../lib/format';
import { pictureAddress, sampleWords, type SampleView } from '../../lib/samples';
import type { RunSession } from '../../session/run-session';
import { Dialog } from '../../ui/dialog';
import { Button } from '../../ui/button';
import { Panel } from '../../ui/panel';
import styles from './samples-panel.module.css';

const SHOWN = 24;

/** Generated pictures, the newest first; one is shown whole when it is chosen. Not there until there is one. */
export function SamplesPanel({ session }: { session: RunSession }) {
  const samples = useStore(session.store, (page) => page.samples);
  const live = useStore(session.store, ({ link }) => link.phase === 'live');
  const [whole, setWhole] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  // Those from before this page was there, and from while its connection was gone.
  useEffect(() => {
    if (!live) return;
    listSamples(session.runId).then(
      (found) => session.learnSamples(found),
      () => undefined, // what comes from now on is shown all the same
    );
  }, [session, live]);
  if (samples.length === 0) return null;
  const at = samples.findIndex(({ id }) => id === whole);
  const shown = all ? samples : samples.slice(0, SHOWN);
  return (
    <Panel title="Samples" tools={<span className={styles.count}>{formatCount(samples.length)}</span>}>
      <ul className={styles.grid} data-testid="samples">
        {shown.map((sample) => (
          <li key={sample.id}>
            <button type="button" className={styles.sample} onClick={() => setWhole(sample.id)}>
              <img
                src={pictureAddress(session.runId, sample.id)}
                alt={sampleWords(sample)}
                width={sample.width}
                height={sample.height}
                loading="lazy"
                decoding="async"
              />
              <span className={styles.caption}>
                step {formatCount(sample.step)}
                {sample.kind === 'custom' && <span className={styles.kind}>custom</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length < samples.length && (
        <Button onClick={() => setAll(true)}>Show all {formatCount(samples.length)}</Button>
      )}
      <Whole
        runId={session.runId}
        sample={samples[at]}
        newer={samples[at - 1]}
        older={samples[at + 1]}
        onShow={setWhole}
      />
    </Panel>
  );
}

interface WholeProps {
  runId: string;
  sample: SampleView | undefined;
  newer: SampleView | undefined;
  older: SampleView | undefined;
  onShow: (id: string | null) => void;
}

function Whole({ runId, sample, newer, older, onShow }: WholeProps) {
  return (
    <Dialog title="Sample" open={sample !== undefined} onClose={() => onShow(null)}>
      {sample !== undefined && (
        <figure className={styles.whole}>
          <img src={pictureAddress(runId, sample.id)} alt={sampleWords(sample)} data-testid="sample-whole" />
          <figcaption>
            {sample.prompt !== '' && <p className={styles.prompt}>{sample.prompt}</p>}
            <p className={styles.facts}>
              step {formatCount(sample.step)}, epoch {sample.epoch + 1}, {sample.width} × {sample.height},{' '}
              {formatClock(sample.timeMs)}
            </p>
          </figcaption>
          <div className={styles.steps}>
            <Button disabled={newer === undefined} onClick={() => onShow(newer?.id ?? null)}>
              Newer
            </Button>
            <Button disabled={older === undefined} onClick={() => onShow(older?.id ?? null)}>
              Older
            </Button>
          </div>
        </figure>
      )}
    </Dialog>
  );
}
