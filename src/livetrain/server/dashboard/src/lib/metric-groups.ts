/** Which metrics share a chart: `loss`, `val/loss` and `epoch/loss` are one story. */

export interface MetricGroup {
  /** Stable: what choices are remembered under. */
  key: string;
  title: string;
  names: string[];
  /** Always in view, or on demand. */
  shown: boolean;
  /** A schedule has no noise: smoothing would only tell it late. */
  exact: boolean;
}

const STAGES = new Set(['train', 'training', 'val', 'valid', 'validation', 'test', 'eval', 'epoch']);
const TITLES = new Map(
  Object.entries({
    loss: 'Loss',
    accuracy: 'Accuracy',
    learning_rate: 'Learning rate',
    lr: 'Learning rate',
    'perf/fps': 'Frames per second',
    'perf/time_per_batch_ms': 'Time per batch, ms',
    'perf/step_ms': 'Time in a step, ms',
    'perf/data_ms': 'Wait for data, ms',
    'system/cpu_percent': 'CPU, %',
    'system/memory_mb': 'Memory, MB',
    'system/gpu_percent': 'GPU, %',
    'system/gpu_memory_mb': 'GPU memory, MB',
  }),
);
const FIRST = ['loss', 'accuracy', 'learning_rate', 'lr'];
const EXACT = /(^|[/_-])(learning_rate|lr)($|[/_-])/;
const MACHINE = /^(perf|system)\//;
/** Of a rank above 0: what it has in common with rank 0 is one story, and another than the run's. */
const OTHER_RANK = /^rank(\d+)\//;
const RANKS = 'ranks/';

function groupKey(name: string): string {
  if (OTHER_RANK.test(name)) return RANKS + name.replace(OTHER_RANK, '');
  if (MACHINE.test(name)) return name;
  const parts = name.split('/');
  const rest = parts.filter((part) => !STAGES.has(part));
  return (rest.length > 0 ? rest : parts).join('/').replace(/^(train|val|test)_/, '');
}

function title(key: string): string {
  if (key.startsWith(RANKS)) return `${title(key.slice(RANKS.length))}, other ranks`;
  return TITLES.get(key) ?? (key || '(no name)');
}

/** Loss first, then accuracy, learning rate, the user's own by name, the machine's last and folded away. */
export function metricGroups(names: readonly string[]): MetricGroup[] {
  const groups = new Map<string, string[]>();
  for (const name of [...names].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    const key = groupKey(name);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [name]);
    else members.push(name);
  }
  const rank = (key: string): number => {
    const first = FIRST.indexOf(key);
    if (first >= 0) return first;
    if (key.startsWith(RANKS)) return 300;
    return MACHINE.test(key) ? 200 : 100;
  };
  return [...groups.entries()]
    .map(([key, members]) => ({
      key,
      title: title(key),
      names: members,
      shown: !MACHINE.test(key) && !key.startsWith(RANKS),
      exact: EXACT.test(key),
    }))
    .sort((a, b) => rank(a.key) - rank(b.key) || (a.key < b.key ? -1 : 1));
}

/** The series' short name inside its group: `val/loss` in the group Loss is `val`. */
export function seriesLabel(name: string): string {
  const rank = OTHER_RANK.exec(name);
  if (rank !== null) return `rank ${rank[1]}`;
  const parts = name.split('/');
  if (MACHINE.test(name)) return parts.slice(1).join('/');
  const stage = parts.find((part) => STAGES.has(part));
  if (stage === 'epoch') return 'epoch mean';
  if (stage === 'val' || stage === 'valid' || stage === 'validation') return 'validation';
  return stage ?? /^(train|val|test)_/.exec(name)?.[1] ?? 'batch';
}

/** The groups that have something in the name of a curve or in their title; `wanted` may be a regular expression. */
export function findGroups(groups: readonly MetricGroup[], wanted: string): MetricGroup[] {
  const matches = matcherOf(wanted);
  return groups.filter(({ title, names }) => matches(title) || names.some(matches));
}

function matcherOf(wanted: string): (text: string) => boolean {
  const plain = wanted.toLowerCase();
  try {
    const expression = new RegExp(wanted, 'i');
    // "a|b" and "log p(y)" are names before they are expressions.
    return (text) => text.toLowerCase().includes(plain) || expression.test(text);
  } catch {
    return (text) => text.toLowerCase().includes(plain);
  }
}

/** A curve that smoothing would only tell late, or that is a mean already. */
export function isExact(name: string, group: MetricGroup): boolean {
  const label = seriesLabel(name);
  return group.exact || label === 'validation' || label === 'epoch mean' || /^(round|client)\//.test(name);
}
