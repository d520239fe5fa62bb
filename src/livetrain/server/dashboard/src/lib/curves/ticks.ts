/** Where an axis has its ticks, and what stands there: as many digits as tell neighbours apart, and no more. */

export interface Tick {
  at: number;
  label: string;
}

const MINUS = '−';
const DAY = 86_400;
/** Seconds between two ticks of time, from a second on. */
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY];
const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
] as const;

const minus = (text: string): string => text.replaceAll('-', MINUS);
const exponentOf = (value: number): number => Math.floor(Math.log10(Math.abs(value)) + 1e-12);

/** 1, 2 or 5 times a power of ten, at least `wish`. */
export function niceStep(wish: number): number {
  if (!(wish > 0)) return 1;
  const power = 10 ** exponentOf(wish);
  for (const mantissa of [1, 2, 5]) if (mantissa * power >= wish * (1 - 1e-9)) return mantissa * power;
  return 10 * power;
}

/** Multiples of `step` within a window. */
function multiples(min: number, max: number, step: number): number[] {
  // An end that ought to be a tick may miss it by a rounding.
  const slack = Math.min(1, max / step - min / step) * 1e-9;
  const first = Math.ceil(min / step - slack);
  const last = Math.floor(max / step + slack);
  if (!(last - first < 1000)) return [];
  // A number that is not 0 but ought to be has a label of its own: 1e-17.
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step || 0);
}

/** A number among others that are `step` apart. */
export function tickLabel(value: number, step: number): string {
  if (value === 0) return '0';
  const stepExponent = exponentOf(step);
  const decimals = Math.max(0, -stepExponent);
  const plain = decimals === 0 ? grouped.format(value) : value.toFixed(Math.min(100, decimals));
  // Each digit that a step changes has to be there; zeros behind them say nothing.
  const digits = Math.min(100, Math.max(0, exponentOf(value) - stepExponent));
  const [mantissa = '', exponent = ''] = value.toExponential(digits).split('e');
  const short = `${mantissa}e${exponent.replace('+', '')}`;
  const size = Math.abs(value);
  const readable = size < 1e5 && size >= 1e-3;
  return minus(readable || plain.length <= short.length ? plain : short);
}

/** Ticks of numbers, at most `most`. */
export function numberTicks(min: number, max: number, most: number): Tick[] {
  if (!(max > min)) return [];
  // Of the largest numbers the difference is infinite; that of their parts is not.
  const wish = max / most - min / most;
  const step = niceStep(wish);
  return multiples(min, max, step).map((at) => ({ at, label: tickLabel(at, step) }));
}

/** Ticks of a logarithmic axis: powers of ten, with 2 and 5 where there are few, and plain ones within one decade. */
export function logTicks(min: number, max: number, most: number): Tick[] {
  if (!(min > 0) || !(max > min)) return [];
  const [low, high] = [Math.log10(min), Math.log10(max)];
  const powers = multiples(low, high, 1);
  if (powers.length > most) {
    const every = Math.ceil(powers.length / most);
    return multiples(low, high, every).map(powerTick);
  }
  if (powers.length >= 3) return powers.map(powerTick);
  const finer: Tick[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const mantissa of [1, 2, 5]) {
      const at = mantissa * 10 ** power;
      if (at >= min * (1 - 1e-9) && at <= max * (1 + 1e-9))
        finer.push({ at, label: tickLabel(at, 10 ** power) });
    }
  }
  if (finer.length >= 2)
    return finer.length <= most ? finer : finer.filter(({ label }) => /^[^1-9]*1[^1-9]*$/.test(label));
  return numberTicks(min, max, Math.min(most, 4));
}

const powerTick = (power: number): Tick => ({ at: 10 ** power, label: tickLabel(10 ** power, 10 ** power) });

/** Ticks of steps or of other whole things: 0, 500, 1,000 … 12.5K. */
export function countTicks(min: number, max: number, most: number): Tick[] {
  if (!(max > min)) return [];
  const step = Math.max(1, niceStep((max - min) / most));
  const ticks = multiples(min, max, step);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  const [unit, sign] = UNITS.find(([unit]) => largest >= unit * (unit === 1e3 ? 10 : 1)) ?? [1, ''];
  const decimals = Math.max(0, exponentOf(unit) - exponentOf(step));
  return ticks.map((at) => {
    // Digits that a unit would only push behind a point are read better without it.
    if (unit === 1 || decimals > 2) return { at, label: minus(grouped.format(at)) };
    return { at, label: at === 0 ? '0' : minus(`${trimmed((at / unit).toFixed(decimals))}${sign}`) };
  });
}

const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

/** A time among others that are `step` apart; all in seconds. */
export function timeLabel(seconds: number, step: number): string {
  if (seconds < 0) return minus(`-${timeLabel(-seconds, step)}`);
  if (step < 1) {
    const decimals = Math.min(6, -exponentOf(step));
    if (seconds < 60) return `${trimmed(seconds.toFixed(decimals))} s`;
    return clock(seconds, decimals);
  }
  const whole = Math.round(seconds);
  if (whole === 0) return '0';
  const days = Math.floor(whole / DAY);
  const hours = Math.floor((whole % DAY) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (step < 60) return whole < 60 ? `${whole} s` : clock(whole, 0);
  const parts = [days > 0 && `${days} d`, hours > 0 && `${hours} h`, minutes > 0 && `${minutes} min`];
  return parts.filter(Boolean).join(' ');
}

/** 3:05, 1:02:05, 2 d 1:02:05. */
function clock(seconds: number, decimals: number): string {
  // Rounded once: 59.96 seconds are not "0:60.0".
  const rounded = Number(seconds.toFixed(decimals));
  const days = Math.floor(rounded / DAY);
  const hours = Math.floor((rounded % DAY) / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = (rounded % 60).toFixed(decimals).padStart(decimals > 0 ? decimals + 3 : 2, '0');
  const front = hours > 0 || days > 0 ? `${hours}:${String(minutes).padStart(2, '0')}` : String(minutes);
  return `${days > 0 ? `${days} d ` : ''}${front}:${rest}`;
}

/** Ticks of time since a run began, in seconds. */
export function timeTicks(min: number, max: number, most: number): Tick[] {
  if (!(max > min)) return [];
  const wish = (max - min) / most;
  const step =
    wish < 1
      ? Math.max(1e-6, niceStep(wish))
      : (TIMES.find((time) => time >= wish) ?? DAY * niceStep(wish / DAY));
  return multiples(min, max, step).map((at) => ({ at, label: timeLabel(at, step) }));
}

/**
 * As many ticks as there is room for, so that no two labels touch.
 *
 * @param make ticks, at most as many as it is told.
 * @param room pixels that the axis has.
 * @param widthOf a label's pixels.
 * @param gap pixels between two labels.
 */
export function fittingTicks(
  make: (most: number) => Tick[],
  room: number,
  widthOf: (label: string) => number,
  gap: number,
): Tick[] {
  for (let most = Math.max(1, Math.floor(room / 48)); most > 1; most = Math.floor(most * 0.8)) {
    const ticks = make(most);
    const widest = Math.max(0, ...ticks.map(({ label }) => widthOf(label)));
    if (ticks.length * (widest + gap) <= room + gap) return ticks;
  }
  return make(1).slice(0, 1);
}
