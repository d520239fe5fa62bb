/** How a chart looks: uPlot's options, from the page's own tokens. */
import uPlot from 'uplot';
import { formatDuration, formatTick } from '../lib/format';
import type { Axis } from '../lib/plot-data';
import type { Range } from '../lib/zoom';
import { token } from './colours';

export interface SeriesLook {
  label: string;
  colour: string;
  /** Few points that are worth a dot each. */
  sparse: boolean;
}

interface Options {
  width: number;
  height: number;
  axis: Axis;
  log: boolean;
  series: readonly SeriesLook[];
  onZoom: (range: Range) => void;
  onReset: () => void;
  onCursor: (index: number | null) => void;
  /** After each drawing: what lies over the plot has to follow it. */
  onDrawn: () => void;
}

// A const enum of uPlot's types: its name does not exist at run time.
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- see above
const LOGARITHMIC = 3 as uPlot.Scale.Distr;
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

function xLabel(axis: Axis, value: number): string {
  if (axis === 'time') return formatDuration(value);
  return axis === 'epoch' ? String(value) : compact.format(value);
}

function looks(series: readonly SeriesLook[]): uPlot.Series[] {
  return series.flatMap(({ label, colour, sparse }) => [
    {
      label,
      stroke: colour,
      width: sparse ? 1.5 : 1.25,
      spanGaps: true,
      points: { show: sparse, size: 5, fill: colour, width: 0 },
    },
    { label: `${label} smoothed`, stroke: colour, width: 2, spanGaps: true, points: { show: false } },
  ]);
}

export function plotOptions(options: Options): uPlot.Options {
  const line = token('--line');
  const muted = token('--muted');
  const font = `11px ${token('--font')}`;
  const ticks = { stroke: line, size: 4, width: 1 };
  return {
    width: options.width,
    height: options.height,
    // The flags of marks stand above the plot.
    padding: [20, 8, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, width: 1.5 },
      sync: {
        key: 'livetrain',
        scales: ['x', null],
        filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave', sub: () => true },
      },
      bind: {
        dblclick: () => () => {
          options.onReset();
          return null;
        },
      },
    },
    scales: {
      x: { time: false },
      y: options.log ? { distr: LOGARITHMIC } : {},
    },
    axes: [
      {
        stroke: muted,
        font,
        grid: { show: false },
        ticks,
        size: 28,
        space: 72,
        values: (_, splits) => splits.map((value) => xLabel(options.axis, value)),
      },
      {
        stroke: muted,
        font,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        size: 52,
        space: 32,
        values: (_, splits) =>
          splits.map((value: number | null) => (value === null ? '' : formatTick(value))),
      },
    ],
    series: [{}, ...looks(options.series)],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          options.onZoom([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      draw: [options.onDrawn],
      setCursor: [(plot) => options.onCursor(plot.cursor.idx ?? null)],
    },
  };
}
