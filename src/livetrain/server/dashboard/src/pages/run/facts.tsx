import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { formatCount, formatDuration, formatMegabytes, formatMetric, formatPercent } from '../../lib/format';
import { epochWords, remainingSeconds, shareDone } from '../../lib/progress';
import { isOver } from '../../lib/words';
import type { PerformanceView } from '../../live/messages';
import type { RunSession } from '../../session/run-session';
import { useNow } from '../../ui/use-now';
import styles from './facts.module.css';

interface FactProps {
  name: string;
  /** 0 to 1, drawn as a bar. */
  share?: number | null;
  testId?: string;
  value?: number;
  children: ReactNode;
}

function Fact({ name, share, testId, value, children }: FactProps) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd data-testid={testId} data-value={value}>
        {children}
      </dd>
      {share !== undefined && share !== null && (
        <div className={styles.meter} aria-hidden="true">
          <span style={{ width: `${Math.min(1, share) * 100}%` }} />
        </div>
      )}
    </div>
  );
}

function Resources({ performance }: { performance: PerformanceView }) {
  const { resources, overheadPercent } = performance;
  return (
    <>
      {resources && (
        <>
          <Fact name="CPU" share={resources.cpuPercent / 100}>
            {Math.round(resources.cpuPercent)} %
          </Fact>
          <Fact
            name="Memory"
            share={resources.memoryTotalMb > 0 ? resources.memoryMb / resources.memoryTotalMb : null}
          >
            {formatMegabytes(resources.memoryMb)}
          </Fact>
        </>
      )}
      {resources?.gpu && (
        <Fact name="GPU" share={resources.gpu.percent / 100}>
          {Math.round(resources.gpu.percent)} % <small>{formatMegabytes(resources.gpu.memoryMb)}</small>
        </Fact>
      )}
      {overheadPercent !== null && <Fact name="Overhead">{overheadPercent.toFixed(2)} %</Fact>}
    </>
  );
}

/** Where the run is and how it does, in numbers. */
export function Facts({ session }: { session: RunSession }) {
  const { store, tips } = session;
  const run = useStore(store, (page) => page.run);
  const step = useStore(store, (page) => page.step);
  const epoch = useStore(store, (page) => page.epoch);
  const performance = useStore(store, (page) => page.performance);
  useStore(store, (page) => page.curvesVersion);
  const over = isOver(run?.status ?? '');
  const now = useNow(!over);

  const plan = run?.config ?? { totalEpochs: 0, batchesPerEpoch: 0 };
  const share = shareDone(step === null ? 0 : step + 1, epoch, plan);
  const endMs = (run?.endedMs ?? 0) || now;
  const elapsed = run && run.createdMs > 0 ? Math.max(0, (endMs - run.createdMs) / 1000) : null;
  const left =
    over || elapsed === null ? null : remainingSeconds(performance?.remainingSeconds ?? 0, share, elapsed);
  const last = (name: string) => tips.get(name)?.value;
  const rate = last('learning_rate') ?? last('lr');
  const accuracy = last('accuracy') ?? last('epoch/accuracy');
  return (
    <dl className={styles.facts}>
      <Fact name="Step" testId="step" value={step ?? 0} share={share}>
        {step === null ? '–' : formatCount(step)}
      </Fact>
      <Fact name="Epoch" testId="epoch">
        {step === null ? '–' : epochWords(epoch, plan.totalEpochs)}
      </Fact>
      <Fact name={over ? 'Took' : 'Time left'} testId="time-left">
        {over && elapsed !== null ? formatDuration(elapsed) : left === null ? '–' : formatDuration(left)}
      </Fact>
      <Fact name="Loss">{formatMetric(last('loss') ?? last('epoch/loss'))}</Fact>
      <Fact name="Accuracy">{accuracy === undefined ? '–' : formatPercent(accuracy, 1)}</Fact>
      {rate !== undefined && <Fact name="Learning rate">{formatMetric(rate)}</Fact>}
      {performance && !over && <Resources performance={performance} />}
    </dl>
  );
}
