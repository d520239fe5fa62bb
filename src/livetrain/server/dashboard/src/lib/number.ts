/**
 * The digits of a number: few, but never so few that the number reads as a rounder one. 0.9996 is not "1.00", and a value that
 * is exactly 0.5 is "0.5".
 */

const MINUS = '−';
const MOST_DIGITS = 8;
/** What arithmetic in doubles leaves behind: 0.1 + 0.2 is 0.3. */
const NOISE = 1e-13;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fixed = Array.from(
  { length: 12 },
  (_, digits) =>
    new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

const signed = (text: string): string => text.replaceAll('-', MINUS);

/** Whether a number stands for another: equal but for the noise of doubles, or what a 32-bit float holds of it. */
function standsFor(value: number, round: number): boolean {
  if (value === round) return true;
  if (!Number.isFinite(round)) return false;
  return Math.abs(value - round) <= Math.abs(round) * NOISE || Math.fround(round) === value;
}

/** How many significant digits a number really has, at most `most`; null: more. */
function exactDigits(value: number, most: number): number | null {
  for (let digits = 1; digits <= most; digits++) {
    if (standsFor(value, Number(value.toPrecision(digits)))) return digits;
  }
  return null;
}

/** The zeros at the end of a number's significant digits: two of them in 1.00. */
function zerosAtEnd(value: number, digits: number): number {
  const mantissa = value.toExponential(digits - 1).split('e')[0] ?? '';
  return /0*$/.exec(mantissa.replace('.', ''))?.[0].length ?? 0;
}

/** How many significant digits to show of a number that has more. */
function telling(value: number, least: number): number | null {
  for (let digits = least; digits <= MOST_DIGITS; digits++) {
    if (zerosAtEnd(value, digits) < 2) return digits;
  }
  return null;
}

/** One number written with so many significant digits. */
function written(value: number, digits: number): string {
  const text = value.toExponential(digits - 1);
  const [mantissa = '', power = ''] = text.split('e');
  const exponent = Number(power);
  if (exponent >= 6 || exponent < -3) return signed(`${mantissa}e${power.replace('+', '')}`);
  // Rounded once: `format` takes 219.45 for what it looks like, and it is a little less.
  return signed((fixed[Math.max(0, digits - 1 - exponent)] ?? whole).format(Number(text)));
}

/** Too near a round number to be told apart by eight digits: that number, and how far it is away. */
function nearRound(value: number): string {
  let round = value;
  for (let digits = 1; digits <= MOST_DIGITS; digits++) {
    round = Number(value.toPrecision(digits));
    if (Math.abs(value - round) < Math.abs(value) * 1e-5) break;
  }
  const away = value - round;
  return `${written(round, exactDigits(round, 17) ?? 17)} ${away < 0 ? MINUS : '+'} ${signed(Math.abs(away).toExponential(0).replace('e+', 'e'))}`;
}

/**
 * A metric's value, mostly in about seven characters: 0.0412, 12.3, 1.2e−5, NaN.
 *
 * @param value null or undefined: not known, "–".
 */
export function formatMetric(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : `${MINUS}∞`;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return signed(whole.format(value));
  // Before the point, every digit counts.
  const least = size < 1 ? 3 : size < 1e6 ? Math.max(4, Math.floor(Math.log10(size)) + 1) : 3;
  const exact = exactDigits(value, least);
  if (exact !== null) return written(value, exact);
  const digits = telling(value, least);
  return digits === null ? nearRound(value) : written(value, digits);
}

/** A share as a percentage without its sign. "100" is a share of 1 and nothing else, and "0" is none at all. */
function percentage(share: number, least: number): string {
  const value = share * 100;
  if (standsFor(share, Number(share.toFixed(least + 2)))) return signed(String(Number(value.toFixed(least))));
  for (let digits = least; digits <= 4; digits++) {
    const text = value.toFixed(digits);
    const [size, tail] = [Number(text), /0*$/.exec(text.replace('.', ''))?.[0].length ?? 0];
    if (size !== 0 && size !== 100 && tail < 2) return signed(text);
  }
  if (Math.abs(value) < 1e-4) return value > 0 ? '< 0.0001' : `> ${MINUS}0.0001`;
  if (value < 100 && value > 99.9999) return '> 99.9999';
  return signed(value.toFixed(4));
}

/**
 * A share from 0 to 1 as a percentage; number and sign never part at a line's end.
 *
 * @param share null or undefined: not known, "–".
 * @param digits at least so many digits after the point, where the percentage has them.
 */
export function formatPercent(share: number | null | undefined, digits = 0): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return formatMetric(share);
  return `${percentage(share, digits)}\u00a0%`;
}

/** An accuracy: a share as a percentage; one of 97.3 is no share, and whoever logs it so means what it says. */
export function formatAccuracy(value: number | null | undefined): string {
  const share = value !== null && value !== undefined && value >= 0 && value <= 1;
  return share ? formatPercent(value, 1) : formatMetric(value);
}

/** A confidence in four characters: 97%, >99%, <1%. Empty: not known. */
export function formatConfidence(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return '';
  const percent = Math.round(share * 100);
  if (percent >= 100 && share < 1) return '>99%';
  if (percent <= 0 && share > 0) return '<1%';
  return `${percent}%`;
}

/** A whole number: 12,345. A number that is none: "–". */
export const formatCount = (value: number): string =>
  Number.isFinite(value) ? signed(whole.format(value)) : '–';
