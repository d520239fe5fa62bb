import type { ReactNode } from 'react';
import { useStore } from 'zustand';
import { untilWords, type Tip, type TipBook } from '../../lib/curves/tip';
import {
  formatAccuracy,
  formatCount,
  formatDuration,
  formatMegabytes,
  formatMetric,
  formatPercent,
} from '../../lib/format';
import { epochWords, shareDone, timeLeftWords } from '../../lib/progress';
import { runTimes } from '../../lib/run-times';
import { isOver } from '../../lib/words';
import type { PerformanceView } from '../../live/messages';
import type { RunSession } from '../../session/run-session';
import { useServerNow } from '../use-server-now';
import styles from './facts.module.css';

/** What goes by these words, by the names that trainings give it; the first that is there counts. */
const LOSSES = ['loss', 'train/loss', 'train_loss', 'epoch/loss'];
const ACCURACIES = ['accuracy', 'train/accuracy', 'train_accuracy', 'epoch/accuracy'];
const RATES = ['learning_rate', 'lr'];

interface FactProps {
  name: string;
  /** 0 to 1, drawn as a bar. */
  share?: number | null;
  testId?: string;
  value?: number | undefined;
  title?: string | undefined;
  children: ReactNode;
}

function Fact({ name, share, testId, value, title, children }: FactProps) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd data-testid={testId} data-value={value} title={title}>
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
            {formatPercent(resources.cpuPercent / 100)}
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
          {formatPercent(resources.gpu.percent / 100)}{' '}
          <small>{formatMegabytes(resources.gpu.memoryMb)}</small>
        </Fact>
      )}
      {overheadPercent !== null && <Fact name="Overhead">{formatPercent(overheadPercent / 100, 2)}</Fact>}
    </>
  );
}

/** The newest value of a curve, whatever it is: one that is not finite says until when it was. */
function Value({ name, tip, share = false }: { name: string; tip: Tip | undefined; share?: boolean }) {
  const value = tip?.value;
  const bad = value !== undefined && !Number.isFinite(value);
  return (
    <Fact name={name} testId={`fact-${name.toLowerCase().replace(' ', '-')}`} title={tip?.name}>
      <span className={bad ? styles.bad : undefined}>
        {share ? formatAccuracy(value) : formatMetric(value)}
      </span>
      {bad && tip && <small> {untilWords(tip)}</small>}
    </Fact>
  );
}

function firstOf(tips: TipBook, names: readonly string[]): Tip | undefined {
  for (const name of names) {
    const tip = tips.counting(name);
    if (tip !== undefined) return tip;
  }
  return undefined;
}

/** Where the run is and how it does, in numbers; what is not known has no place. */
export function Facts({ session }: { session: RunSession }) {
  const { store, tips } = session;
  const run = useStore(store, (page) => page.run);
  const step = useStore(store, (page) => page.step);
  const epoch = useStore(store, (page) => page.epoch);
  const performance = useStore(store, (page) => page.performance);
  useStore(store, (page) => page.curvesVersion);
  const over = isOver(run?.status ?? '');
  const now = useServerNow(store, !over);

  const plan = run?.config ?? { totalEpochs: 0, batchesPerEpoch: 0 };
  const progress = { step, epoch, plan };
  const times = run && runTimes(run, over, now);
  const seconds = times?.seconds ?? null;
  const left = () => {
    const fps = performance?.trainerFps ?? 0;
    return timeLeftWords(progress, {
      told: performance?.remainingSeconds ?? 0,
      stepMs: fps > 0 ? 1000 / fps : 0,
      elapsed: seconds,
      resumed: (run?.attempts.length ?? 0) > 1,
    });
  };
  const loss = firstOf(tips, LOSSES);
  const accuracy = firstOf(tips, ACCURACIES);
  const rate = firstOf(tips, RATES);
  const byEpoch = plan.totalEpochs > 0 || epoch > 0 || tips.counting('epoch/loss') !== undefined;
  return (
    <dl className={styles.facts}>
      <Fact name="Step" testId="step" value={step ?? undefined} share={shareDone(progress)}>
        {step === null ? '–' : formatCount(step)}
      </Fact>
      {byEpoch && (
        <Fact name="Epoch" testId="epoch">
          {step === null ? '–' : epochWords(epoch, plan.totalEpochs)}
        </Fact>
      )}
      <Fact name={over ? 'Took' : 'Time left'} testId="time-left">
        {!over ? left() : seconds === null ? '–' : formatDuration(seconds)}
      </Fact>
      {(loss !== undefined || tips.size === 0) && <Value name="Loss" tip={loss} />}
      {accuracy && <Value name="Accuracy" tip={accuracy} share />}
      {rate && <Value name="Learning rate" tip={rate} />}
      {performance && !over && run?.contact !== 'lost' && <Resources performance={performance} />}
    </dl>
  );
}
