import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { CurveClient } from '../curve-feed/curve-client';
import { xOfPlace, type AxisOptions } from '../lib/curves/axis';
import { beyondWords } from '../lib/curves/chart-words';
import type { TipBook } from '../lib/curves/tip';
import { isExact, seriesLabel, type MetricGroup } from '../lib/metric-groups';
import { isOver } from '../lib/words';
import { panRange, scaleRange } from '../lib/zoom';
import { Plot, type Drawn } from '../plots/plot';
import { useChartView } from '../store/chart-store';
import type { RunStore } from '../store/run-store';
import { Icon } from '../ui/icon';
import { THEME_EVENT } from '../ui/theme';
import { ChartMarks } from './chart-marks';
import { ChartNumbers } from './chart-numbers';
import { inkOf, seriesToken, token } from './colours';
import styles from './curve-chart.module.css';

/** How all charts of a run are drawn. */
export interface ChartSettings extends AxisOptions {
  log: boolean;
}

interface Props {
  group: MetricGroup;
  curves: CurveClient;
  tips: TipBook;
  store: RunStore;
  settings: ChartSettings;
  /** The how-manieth on the page; the first is taller. */
  index: number;
}

/** A chart that will be in view soon is made before it is. */
const NEAR = '200px 0px';
/** Charts that keep their picture when they are scrolled away; of more it would be too much memory. */
const KEPT = 40;

function Chart({ group, curves, tips, store, settings, index }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [marks] = useState(() => new ChartMarks());
  const [whole, setWhole] = useState(false);
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const series = useMemo(
    () =>
      group.names.map((name, i) => ({
        name,
        label: seriesLabel(name),
        colourToken: seriesToken(group.key, name, i),
        exact: isExact(name, group),
      })),
    [group],
  );
  const { axis, batchesPerEpoch, log, originUs } = settings;
  const keeps = index < KEPT;

  // Where several charts show the same marks, it is enough to reach those of one by the tab key.
  useEffect(() => marks.setReachable(index === 0), [marks, index]);
  useEffect(() => () => marks.destroy(), [marks]);

  useEffect(() => {
    const [element, headElement] = [host.current, head.current];
    if (element === null || headElement === null) return;
    const numbers = new ChartNumbers(element, headElement, group.title, series, tips);
    const styleOf = () => ({
      colours: new Map(series.map(({ name, colourToken }) => [name, token(colourToken)])),
      ink: inkOf(),
    });
    const made = new Plot(element, { axis, log, whole, range: useChartView.getState().range }, styleOf(), {
      onZoom: (range) => useChartView.getState().setRange(range),
      onReadings: (readings) => numbers.read(readings),
      onDrawn: (now) => {
        marks.place(made);
        setDrawn((before) => (sameDrawn(before, now) ? before : now));
      },
    });
    plot.current = made;
    marks.mount(made.over, element, store, (step) => {
      const options = { axis, batchesPerEpoch, originUs };
      const place = axis === 'time' ? curves.timeOf(step) : step;
      return place === null ? null : xOfPlace(place, options);
    });
    let unwatch: (() => void) | null = null;
    let inView = false;
    // A chart that is scrolled away costs nothing but its numbers, which go on. At the end of a run all are drawn.
    const attend = () => {
      const wished = inView || (keeps && isOver(store.getState().run?.status ?? ''));
      if (wished === (unwatch !== null)) return;
      if (wished) {
        made.resize();
        unwatch = curves.watch(group.key, series, (data) => made.setData(data));
      } else {
        unwatch?.();
        unwatch = null;
        if (!keeps) made.release();
      }
    };
    const view = new IntersectionObserver(
      ([entry]) => {
        inView = entry?.isIntersecting ?? true;
        made.inView = inView;
        attend();
      },
      { rootMargin: NEAR },
    );
    view.observe(element);
    const size = new ResizeObserver(() => {
      if (unwatch !== null) made.resize();
    });
    size.observe(element);
    const recolour = () => made.setStyle(styleOf());
    window.addEventListener(THEME_EVENT, recolour);
    const stops = [
      store.subscribe(() => {
        numbers.update();
        marks.update(store.getState(), made);
        attend();
      }),
      useChartView.subscribe(({ range }) => made.setLook({ axis, log, whole, range })),
    ];
    numbers.update();
    return () => {
      for (const stop of stops) stop();
      unwatch?.();
      view.disconnect();
      size.disconnect();
      window.removeEventListener(THEME_EVENT, recolour);
      marks.unmount();
      made.destroy();
      plot.current = null;
    };
  }, [axis, batchesPerEpoch, curves, group, keeps, log, marks, originUs, series, store, tips, whole]);

  const keys = (event: React.KeyboardEvent) => {
    const { range, setRange } = useChartView.getState();
    const all = plot.current?.whole() ?? [0, 1];
    const next = {
      '+': () => scaleRange(range, all, 0.6),
      '=': () => scaleRange(range, all, 0.6),
      '-': () => scaleRange(range, all, 1 / 0.6),
      ArrowLeft: () => panRange(range, all, -0.2),
      ArrowRight: () => panRange(range, all, 0.2),
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setRange(next());
  };
  const beyond = drawn?.range ? beyondWords(drawn.range) : '';

  return (
    <div className={styles.chart}>
      <div className={styles.head} ref={head}>
        <h3 className={styles.title} title={group.title}>
          {group.title}
        </h3>
        <ul className={styles.legend}>
          {series.map(({ name, label, colourToken }) => (
            <li key={name} title={name}>
              <span
                className={styles.swatch}
                style={{ background: `var(${colourToken})` }}
                aria-hidden="true"
              />
              {series.length > 1 && <span className={styles.label}>{label}</span>}
              <span className={styles.number} data-number="" />
            </li>
          ))}
        </ul>
        <span className={styles.warning} data-warning="" hidden>
          <Icon name="warning" size={14} />
          <span />
        </span>
        {(beyond !== '' || whole) && (
          <button
            type="button"
            className={styles.beyond}
            aria-pressed={whole}
            onClick={() => setWhole(!whole)}
          >
            {whole ? 'Every point in view' : beyond}
          </button>
        )}
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
      >
        {drawn?.nothingAboveZero && (
          <p className={styles.nothing}>Nothing to draw on a logarithmic scale: no value is above 0.</p>
        )}
      </div>
    </div>
  );
}

const sameDrawn = (a: Drawn | null, b: Drawn): boolean =>
  a !== null &&
  a.nothingAboveZero === b.nothingAboveZero &&
  (a.range ? beyondWords(a.range) : '') === (b.range ? beyondWords(b.range) : '');

/** Another list of names makes new groups of all curves: a chart whose own are the same stays as it is. */
export const CurveChart = memo(
  Chart,
  (before, next) =>
    before.index === next.index &&
    before.settings === next.settings &&
    before.group.key === next.group.key &&
    before.group.names.length === next.group.names.length &&
    before.group.names.every((name, i) => name === next.group.names[i]),
);
