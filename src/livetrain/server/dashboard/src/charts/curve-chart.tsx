import { useEffect, useMemo, useRef, useState } from 'react';
import type { CurveSet } from '../lib/curve-set';
import { formatCount, formatMetric } from '../lib/format';
import { gapMarks, gapsOf, LEFT_OUT, type Gap } from '../lib/gaps';
import { marksOf, type Mark } from '../lib/marks';
import { titlesOf } from '../lib/controls';
import { seriesLabel, type MetricGroup } from '../lib/metric-groups';
import type { PlotOptions } from '../lib/plot-data';
import { panRange, scaleRange } from '../lib/zoom';
import { useChartView } from '../store/chart-store';
import type { RunPage, RunStore } from '../store/run-store';
import { Icon } from '../ui/icon';
import { THEME_EVENT } from '../ui/theme';
import { seriesToken } from './colours';
import styles from './curve-chart.module.css';
import { CurvePlot, type PlotSeries } from './curve-plot';
import { MarkLayer } from './mark-layer';

interface Props {
  group: MetricGroup;
  curves: CurveSet;
  store: RunStore;
  options: PlotOptions;
  /** The how-manieth on the page; the first is taller. */
  index: number;
}

export function CurveChart({ group, curves, store, options, index }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<CurvePlot | null>(null);
  // Outlives the plots, which are made anew for a new series: what is open stays open.
  const [layer] = useState(() => new MarkLayer());
  const values = useRef<(HTMLSpanElement | null)[]>([]);
  const warning = useRef<HTMLSpanElement>(null);
  const { key, title, exact } = group;
  const names = group.names.join('|');
  const series = useMemo<PlotSeries[]>(
    () =>
      names.split('|').map((name, i) => ({
        name,
        label: seriesLabel(name),
        colourToken: seriesToken(key, name, i),
      })),
    [key, names],
  );
  const { axis, batchesPerEpoch, log, origin } = options;
  const smoothing = exact ? 0 : options.smoothing;

  // Where several charts show the same marks, it is enough to reach those of one by the tab key.
  useEffect(() => layer.setReachable(index === 0), [layer, index]);
  useEffect(() => () => layer.destroy(), [layer]);
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let inView = true;
    let turn = 0;
    let told: RunPage['commands'] | null = null;
    let toldGaps = -1;
    let gaps: Gap[] = [];
    let marks: Mark[] = [];
    const make = () => {
      plot.current?.destroy();
      plot.current = new CurvePlot(
        element,
        curves,
        series,
        { axis, batchesPerEpoch, log, origin, smoothing },
        {
          onZoom: (range) => useChartView.getState().setRange(range),
          onValues: (texts) =>
            texts.forEach((text, i) => {
              const target = values.current[i];
              if (target && target.textContent !== text) target.textContent = text;
            }),
        },
        layer,
      );
      plot.current.setMarks(marks, gaps);
      plot.current.setRange(useChartView.getState().range);
      update();
    };
    const mark = () => {
      const { commands, run, step } = store.getState();
      const leftOut = curves.get(LEFT_OUT);
      const missing = leftOut?.total ?? 0;
      if (commands === told && missing === toldGaps) return;
      told = commands;
      toldGaps = missing;
      gaps = leftOut ? gapsOf(leftOut.polyline(), step ?? 0) : [];
      const commanded = marksOf(commands, titlesOf(run?.controls ?? []));
      marks = [...commanded, ...gapMarks(gaps)].sort((a, b) => a.step - b.step);
      plot.current?.setMarks(marks, gaps);
      element.setAttribute('aria-description', marksWords(marks));
    };
    const update = () => {
      describe(element, warning.current, curves, title, series);
      if (inView) plot.current?.update();
    };
    mark();
    make();
    const stops = [
      store.subscribe(mark),
      // Every other time, and not all charts at once: a redraw costs as much as a frame of tiles.
      store.subscribe(() => {
        if (turn++ % 2 === index % 2) update();
      }),
      useChartView.subscribe(({ range }) => plot.current?.setRange(range)),
    ];
    const size = new ResizeObserver(() => plot.current?.resize(element.clientWidth, element.clientHeight));
    size.observe(element);
    // A chart that is scrolled away costs nothing.
    const view = new IntersectionObserver(([entry]) => {
      inView = entry?.isIntersecting ?? true;
      update();
    });
    view.observe(element);
    window.addEventListener(THEME_EVENT, make);
    return () => {
      for (const stop of stops) stop();
      size.disconnect();
      view.disconnect();
      window.removeEventListener(THEME_EVENT, make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [axis, batchesPerEpoch, curves, index, layer, log, origin, series, smoothing, store, title]);

  const keys = (event: React.KeyboardEvent) => {
    const { range, setRange } = useChartView.getState();
    const whole = plot.current?.whole() ?? [0, 1];
    const next = {
      '+': () => scaleRange(range, whole, 0.6),
      '=': () => scaleRange(range, whole, 0.6),
      '-': () => scaleRange(range, whole, 1 / 0.6),
      ArrowLeft: () => panRange(range, whole, -0.2),
      ArrowRight: () => panRange(range, whole, 0.2),
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setRange(next());
  };

  return (
    <div className={styles.chart}>
      <div className={styles.head}>
        <h3 className={styles.title}>{group.title}</h3>
        <ul className={styles.legend}>
          {series.map(({ name, label, colourToken }, i) => (
            <li key={name} title={name}>
              <span
                className={styles.swatch}
                style={{ background: `var(${colourToken})` }}
                aria-hidden="true"
              />
              {series.length > 1 && label}
              <span
                className={styles.number}
                ref={(element) => {
                  values.current[i] = element;
                }}
              />
            </li>
          ))}
        </ul>
        <span ref={warning} className={styles.warning} hidden>
          <Icon name="warning" size={14} />
          <span />
        </span>
      </div>
      {/* A picture that answers to keys: zoom and pan are there without a mouse. */}
      {/* eslint-disable jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
      <div
        ref={host}
        className={index === 0 ? styles.tall : styles.plot}
        data-testid={`chart-${group.key.replace(/[^\w]+/g, '-')}`}
        role="application"
        aria-roledescription="chart"
        tabIndex={0}
        onKeyDown={keys}
      />
    </div>
  );
}

/** The last few are enough to listen to; each is a flag of its own that can be reached. */
function marksWords(marks: readonly Mark[]): string {
  if (marks.length === 0) return '';
  const last = marks.slice(-5).map(({ text }) => text);
  return `${formatCount(marks.length)} ${marks.length === 1 ? 'mark' : 'marks'}: ${last.join('. ')}`;
}

/** What the chart says to tests and to those who do not see it. */
function describe(
  element: HTMLElement,
  warning: HTMLElement | null,
  curves: CurveSet,
  title: string,
  series: readonly PlotSeries[],
): void {
  const main = curves.get(series[0]?.name ?? '');
  element.dataset.points = String(Math.round(main?.total ?? 0));
  const words = series.map(({ name, label }) => `${label} ${formatMetric(curves.get(name)?.last?.value)}`);
  element.setAttribute('aria-label', `${title}: ${words.join(', ')}`);
  const bad = main?.nonFinite;
  if (warning === null) return;
  warning.hidden = bad === undefined || bad.count === 0;
  const text = warning.lastElementChild;
  if (bad && text && bad.count > 0) {
    text.textContent = `${formatCount(bad.count)} not finite, last at step ${formatCount(bad.lastStep)}`;
  }
}
