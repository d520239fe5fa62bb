import { useMemo } from 'react';
import { useStore } from 'zustand';
import type { CurveSet } from '../lib/curve-set';
import { metricGroups } from '../lib/metric-groups';
import type { PlotOptions } from '../lib/plot-data';
import { useChartView } from '../store/chart-store';
import { usePrefs } from '../store/prefs-store';
import type { RunStore } from '../store/run-store';
import { Button } from '../ui/button';
import { Choice } from '../ui/choice';
import { Panel } from '../ui/panel';
import { Slider } from '../ui/slider';
import styles from './charts-panel.module.css';
import { CurveChart } from './curve-chart';

const AXES = [
  { value: 'step', label: 'Step' },
  { value: 'time', label: 'Time' },
  { value: 'epoch', label: 'Epoch' },
] as const;

function Tools({ byEpoch }: { byEpoch: boolean }) {
  const { axis, log, smoothing, set } = usePrefs();
  const zoomed = useChartView((view) => view.range !== null);
  const setRange = useChartView((view) => view.setRange);
  return (
    <div className={styles.tools}>
      {zoomed && (
        <Button icon="reset" onClick={() => setRange(null)}>
          Whole run
        </Button>
      )}
      <Slider
        label="Smoothing"
        value={smoothing}
        max={0.99}
        step={0.01}
        show={(value) => value.toFixed(2)}
        onChange={(value) => set({ smoothing: value })}
      />
      <Button aria-pressed={log} onClick={() => set({ log: !log })}>
        Log scale
      </Button>
      <Choice
        label="Horizontal axis"
        value={axis === 'epoch' && !byEpoch ? 'step' : axis}
        options={AXES.filter(({ value }) => byEpoch || value !== 'epoch')}
        onChange={(value) => {
          setRange(null);
          set({ axis: value });
        }}
      />
    </div>
  );
}

export function ChartsPanel({ curves, store }: { curves: CurveSet; store: RunStore }) {
  const names = useStore(store, (page) => page.metricNames);
  const origin = useStore(store, (page) => (page.run?.createdMs ?? 0) / 1000);
  const batchesPerEpoch = useStore(store, (page) => page.run?.config.batchesPerEpoch ?? 0);
  const { axis, log, smoothing, charts, set } = usePrefs();
  const groups = useMemo(() => metricGroups(names), [names]);
  const options = useMemo<PlotOptions>(
    () => ({
      axis: axis === 'epoch' && batchesPerEpoch === 0 ? 'step' : axis,
      log,
      smoothing,
      origin,
      batchesPerEpoch,
    }),
    [axis, batchesPerEpoch, log, origin, smoothing],
  );
  const shown = groups.filter(({ key, shown: usual }) => charts[key] ?? usual);
  return (
    <Panel title="Curves" tools={<Tools byEpoch={batchesPerEpoch > 0} />}>
      {groups.length === 0 && <p className={styles.empty}>Curves begin with the first logged step.</p>}
      <div className={styles.frame}>
        <div className={styles.charts}>
          {shown.map((group, i) => (
            <CurveChart
              key={group.key}
              group={group}
              curves={curves}
              store={store}
              options={options}
              index={i}
            />
          ))}
        </div>
      </div>
      {groups.length > 1 && (
        <div className={styles.picker} role="group" aria-label="Charts in view">
          {groups.map(({ key, title, shown: usual }) => {
            const on = charts[key] ?? usual;
            return (
              <Button key={key} aria-pressed={on} onClick={() => set({ charts: { ...charts, [key]: !on } })}>
                {title}
              </Button>
            );
          })}
        </div>
      )}
    </Panel>
  );
}
