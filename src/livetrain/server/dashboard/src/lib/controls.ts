/** What a trainer declared that may be done to it: all that a page may offer. */

export interface Parameter {
  name: string;
  kind: 'float' | 'int' | 'text' | 'choice';
  /** null: no limit was said. */
  minimum: number | null;
  maximum: number | null;
  /** Empty: none was said. */
  default: string;
  choices: string[];
}

export interface Control {
  verb: string;
  /** Empty: the verb will do. */
  title: string;
  parameters: Parameter[];
  /** Why it cannot be done to this training; empty or absent: it can. */
  impossible?: string;
}

export interface Offer {
  /** Pause and resume are one toggle: each way only if it was declared. */
  pause: boolean;
  resume: boolean;
  stop: boolean;
  settings: Parameter[];
  custom: Control[];
  /** Why this training cannot be steered at all; empty: it can, or has nothing to say of it. */
  impossible: string;
}

const BUILT_IN = new Set(['pause', 'resume', 'stop', 'set']);

export function offered(declared: readonly Control[]): Offer {
  const controls = declared.filter(({ impossible }) => (impossible ?? '') === '');
  const has = (verb: string) => controls.some((control) => control.verb === verb);
  return {
    pause: has('pause'),
    resume: has('resume'),
    stop: has('stop'),
    settings: controls.find(({ verb }) => verb === 'set')?.parameters ?? [],
    custom: controls.filter(({ verb }) => !BUILT_IN.has(verb)),
    impossible: controls.length === 0 ? (declared[0]?.impossible ?? '') : '',
  };
}

/** learning_rate/group1 is the rate of an optimizer's second group of parameters, learning_rate/2 that of a second optimizer. */
export const isLearningRate = (name: string): boolean => /^learning_rate($|\/)/.test(name);

/**
 * A rate that livetrain itself keeps can be scaled, undone and given back to the scheduler; one that the user's own
 * function sets takes numbers only. The first is declared with the value it starts from, the second without.
 */
export const takesWords = ({ name, default: start }: Parameter): boolean =>
  isLearningRate(name) && start !== '';

export function titleOf(name: string): string {
  const words = name
    .replace(/_/g, ' ')
    .replace(/\/(\d+)(?=\/|$)/, (_, optimizer: string) => `, optimizer ${optimizer}`)
    .replace(/\/group(\d+)$/, (_, group: string) => `, group ${group}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What the trainer calls its own commands, by verb. */
export const titlesOf = (controls: readonly Control[]): Map<string, string> =>
  new Map(controls.filter(({ title }) => title !== '').map(({ verb, title }) => [verb, title]));

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 6, useGrouping: false });
const bound = (value: number): string =>
  value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)
    ? value.toExponential().replace('e+', 'e')
    : plain.format(value);

/** Empty: anything of its kind. */
export function rangeWords({ minimum, maximum }: Parameter): string {
  if (minimum !== null && maximum !== null) return `${bound(minimum)} to ${bound(maximum)}`;
  if (minimum !== null) return `${bound(minimum)} or more`;
  return maximum === null ? '' : `${bound(maximum)} or less`;
}
