/** Numbers, times and words as the page shows them. */

import { formatCount } from './number';

export { formatAccuracy, formatConfidence, formatCount, formatMetric, formatPercent } from './number';

/** A number on an axis, where zeros at the end say nothing: 0.5, 2e−4. */
export function formatTick(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [digits = '', exponent = ''] = value.toExponential(2).split('e');
    return `${Number(digits)}e${exponent.replace('+', '')}`.replaceAll('-', '−');
  }
  return String(Number(value.toPrecision(6))).replace('-', '−');
}

/** Frames a second; none of late: "–", for a rate of nothing is not known to be zero. */
export function formatFps(fps: number): string {
  if (!(fps > 0)) return '–';
  return fps >= 100 ? fps.toFixed(0) : fps < 0.1 ? fps.toPrecision(1) : fps.toFixed(1);
}

export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms / 1000);
}

/** < 1 s, 42 s, 3 min 05 s, 2 h 14 min, 3 d 4 h. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds > 0 && seconds < 1) return '< 1 s';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** What came in the meantime, after a lost connection. */
export function caughtUpWords(records: number): string {
  if (records === 0) return 'nothing newer is there yet';
  return `caught up ${formatCount(records)} ${records === 1 ? 'record' : 'records'}`;
}

/** How long ago, in the words of a glance; the clocks of two machines may differ by a minute. */
export function formatAgo(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < -60) return '–';
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Memory; none at all is what was not measured: "–". */
export function formatMegabytes(mb: number): string {
  if (!(mb > 0)) return '–';
  if (mb < 1) return '< 1 MB';
  return mb >= 1024 ? `${(mb / 1024).toFixed(1)} GB` : `${Math.round(mb)} MB`;
}

/** The greatest time that a Date can hold. */
const LAST_MS = 8.64e15;

/** Whether a time can be one: what a broken clock or a broken client said of it may be anything. */
export const isTime = (ms: number): boolean => ms > 0 && ms <= LAST_MS;

/** The time of day; "–" for what is no time. */
export function formatClock(ms: number): string {
  return isTime(ms) ? new Date(ms).toLocaleTimeString('en-GB') : '–';
}

/** Day and time; "–" for what is no time. */
export function formatDateTime(ms: number): string {
  return isTime(ms) ? new Date(ms).toLocaleString('en-GB') : '–';
}

/** For a `dateTime` attribute; undefined for what is no time. */
export function isoTime(ms: number): string | undefined {
  return isTime(ms) ? new Date(ms).toISOString() : undefined;
}
