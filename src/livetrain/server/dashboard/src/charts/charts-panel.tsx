import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import { useStore } from 'zustand';
import type { CurveClient } from '../curve-feed/curve-client';
import type { Axis } from '../lib/curves/axis';
import { NOTCHES } from '../lib/curves/smooth';
import type { TipBook } from '../lib/curves/tip';
import { formatCount } from '../lib/format';
import { findGroups, metricGroups, type MetricGroup } from '../lib/metric-groups';
import { own } from '../lib/own';
import { useChartView } from '../store/chart-store';
import { usePrefs } from '../store/prefs-store';
import type { RunStore } from '../store/run-store';
import { Button } from '../ui/button';
import { Choice } from '../ui/choice';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';
import { Slider } from '../ui/slider';
import { ChartChunk } from './chart-chunk';
import styles from './charts-panel.module.css';
import { CurveChart, type ChartSettings } from './curve-chart';
import { useGrowing } from './use-growing';

const AXES = [
  { value: 'step', label: 'Step' },
  { value: 'time', label: 'Time' },
  { value: 'epoch', label: 'Epoch' },
] as const;
/** Charts up to which one sees at a glance what there is. */
const FEW = 12;
/** Charts that can be switched on and off one by one. */
const PICKABLE = 40;
/** Charts that stand on the page at once; of more, those far from view are only room. */
const AT_ONCE = 320;
const CHUNK = 48;
const SEARCH_MS = 250;

/** About how much of the run a notch smooths over. */
const smoothingWords = (notch: number): string =>
  notch === 0 ? 'off' : `${Math.round(2 ** (notch - 1) * 1.04)}\u00a0%`;

function Tools({ axis, byEpoch }: { axis: Axis; byEpoch: boolean }) {
  const { log, smoothing, set } = usePrefs();
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
        max={NOTCHES}
        step={1}
        show={smoothingWords}
        onChange={(value) => set({ smoothing: value })}
      />
      <Button aria-pressed={log} onClick={() => set({ log: !log })}>
        Log scale
      </Button>
      <Choice
        label="Horizontal axis"
        value={axis}
        options={AXES.filter(({ value }) => byEpoch || value !== 'epoch')}
        onChange={(value) => {
          setRange(null);
          set({ axis: value });
        }}
      />
    </div>
  );
}

interface SearchProps {
  wanted: string;
  onWanted: (wanted: string) => void;
  words: string;
}

function Search({ wanted, onWanted, words }: SearchProps) {
  return (
    <div className={styles.search}>
      <label className={styles.field}>
        <Icon name="search" size={14} />
        <span className="sr-only">Find curves by name</span>
        <input
          type="search"
          placeholder="Find curves"
          value={wanted}
          onChange={(event) => onWanted(event.target.value)}
          data-testid="curve-search"
        />
      </label>
      <span role="status">{words}</span>
    </div>
  );
}

/** Asks the server for curves that this page has not heard of. */
function useListing(curves: CurveClient, wanted: string, incomplete: boolean): void {
  useEffect(() => {
    if (!incomplete || wanted === '') return;
    const timer = window.setTimeout(() => curves.list(wanted), SEARCH_MS);
    return () => window.clearTimeout(timer);
  }, [curves, incomplete, wanted]);
}

function chunksOf(groups: readonly MetricGroup[]): readonly MetricGroup[][] {
  return Array.from({ length: Math.ceil(groups.length / CHUNK) }, (_, i) =>
    groups.slice(i * CHUNK, (i + 1) * CHUNK),
  );
}

interface Props {
  curves: CurveClient;
  tips: TipBook;
  store: RunStore;
}

export function ChartsPanel({ curves, tips, store }: Props) {
  const names = useStore(store, (page) => page.metricNames);
  const total = useStore(store, (page) => page.metricCount);
  const batchesPerEpoch = useStore(store, (page) => page.run?.config.batchesPerEpoch ?? 0);
  const originUs = useStore(store, (page) => page.run?.firstPointUs ?? 0);
  const { axis: chosen, log, smoothing, charts, set } = usePrefs();
  const range = useChartView((view) => view.range);
  const [wanted, setWanted] = useState('');
  const sought = useDeferredValue(wanted.trim());
  // A run may have thousands: what is typed or clicked meanwhile does not wait for their charts.
  const groups = useDeferredValue(useMemo(() => metricGroups(names), [names]));
  const axis = chosen === 'epoch' && batchesPerEpoch === 0 ? 'step' : chosen;
  const settings = useMemo<ChartSettings>(
    () => ({ axis, log, batchesPerEpoch, originUs }),
    [axis, batchesPerEpoch, log, originUs],
  );
  useEffect(() => curves.setLook({ axis, range, notch: smoothing }), [axis, curves, range, smoothing]);
  useListing(curves, sought, total > names.length);

  const shown = useMemo(
    () =>
      sought === ''
        ? groups.filter(({ key, shown: usual }) => own(charts, key) ?? usual)
        : findGroups(groups, sought),
    [charts, groups, sought],
  );
  const pickable = groups.length <= PICKABLE ? groups : groups.filter(({ shown: usual }) => !usual);
  const chart = (group: MetricGroup, index: number) => (
    <CurveChart
      key={group.key}
      group={group}
      curves={curves}
      tips={tips}
      store={store}
      settings={settings}
      index={index}
    />
  );
  const many = shown.length > AT_ONCE;
  const first = many ? shown.slice(0, CHUNK) : shown;
  const made = useGrowing(first.length);
  return (
    <Panel title="Curves" tools={<Tools axis={axis} byEpoch={batchesPerEpoch > 0} />}>
      {groups.length === 0 && <p className={styles.empty}>Curves begin with the first logged step.</p>}
      {(groups.length > FEW || wanted !== '') && (
        <Search wanted={wanted} onWanted={setWanted} words={countWords(shown.length, sought, total)} />
      )}
      <div className={styles.frame}>
        <div className={styles.charts}>{first.slice(0, made).map(chart)}</div>
        {many &&
          chunksOf(shown.slice(CHUNK)).map((chunk, i) => (
            <ChartChunk key={chunk[0]?.key ?? i} count={chunk.length}>
              {(made) => chunk.slice(0, made).map((group, at) => chart(group, CHUNK * (i + 1) + at))}
            </ChartChunk>
          ))}
      </div>
      {sought === '' && total > names.length && (
        <p className={styles.more}>
          <Button onClick={() => curves.list('')}>Show more of {formatCount(total)} curves</Button>
        </p>
      )}
      {groups.length > 1 && pickable.length <= PICKABLE && pickable.length > 0 && (
        <div className={styles.picker} role="group" aria-label="Charts in view">
          {pickable.map(({ key, title, shown: usual }) => {
            const on = own(charts, key) ?? usual;
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

function countWords(shown: number, sought: string, total: number): string {
  const charts = `${formatCount(shown)} ${shown === 1 ? 'chart' : 'charts'}`;
  if (sought !== '') return shown === 0 ? `No curve has “${sought}” in its name` : charts;
  return `${charts} of ${formatCount(total)} curves`;
}
