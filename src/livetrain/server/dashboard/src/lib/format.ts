/** Numbers, times and words as the page shows them. */

const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const formatCount = (n: number): string => count.format(n);

/** A metric's value in at most about seven characters: 0.0412, 12.3, 1.2e-5, NaN. */
export function formatMetric(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e6 || size < 1e-3)
    return value.toExponential(2).replace('e+', 'e').replace('-', '−').replace('e-', 'e−');
  if (size >= 1000) return count.format(value).replace('-', '−');
  return value.toPrecision(size < 1 ? 3 : 4).replace('-', '−');
}

/** The same on an axis, where zeros at the end say nothing: 0.5, 2e−4. */
export function formatTick(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [digits = '', exponent = ''] = value.toExponential(2).split('e');
    return `${Number(digits)}e${exponent.replace('+', '')}`.replaceAll('-', '−');
  }
  return String(Number(value.toPrecision(6))).replace('-', '−');
}

/** Of a share from 0 to 1; number and sign never part at a line's end. */
export function formatPercent(share: number, digits = 0): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)}\u00a0%` : '–';
}

export function formatFps(fps: number): string {
  return fps >= 100 ? fps.toFixed(0) : fps.toFixed(1);
}

export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : formatDuration(ms / 1000);
}

/** 42 s, 3 min 05 s, 2 h 14 min, 3 d 4 h. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
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

/** How long ago, in the words of a glance. */
export function formatAgo(seconds: number): string {
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function formatMegabytes(mb: number): string {
  return mb >= 1024 ? `${(mb / 1024).toFixed(1)} GB` : `${Math.round(mb)} MB`;
}

export function formatClock(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB');
}
