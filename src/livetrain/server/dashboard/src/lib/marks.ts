/** Commands as marks on the curves: at the step where each took effect, with who and what. */
import { sentence } from './command-words';
import { newestFirst, type CommandBook } from './commands';
import { isLearningRate } from './controls';
import { own } from './own';

export interface Mark {
  id: string;
  step: number;
  /** One to three letters for the flag. */
  sign: string;
  text: string;
}

/** So many of the newest; a flag for each of a thousand would hide the curve. */
const SHOWN = 200;

const SIGNS: Record<string, string> = { pause: '❚❚', resume: '▶', stop: '■' };

function signOf(verb: string, names: readonly string[]): string {
  if (verb !== 'set') return own(SIGNS, verb) ?? '●';
  if (names.some(isLearningRate)) return 'LR';
  return names.includes('batch_size') ? 'BS' : 'set';
}

/** Ascending by step. */
export function marksOf(book: CommandBook, titles?: ReadonlyMap<string, string>): Mark[] {
  return newestFirst(book)
    .filter(({ state }) => state === 'applied')
    .slice(0, SHOWN)
    .reverse()
    .map((command) => ({
      id: command.id,
      step: command.appliedStep ?? 0,
      sign: signOf(command.verb, Object.keys(command.parameters)),
      text: sentence(command, titles),
    }))
    .sort((a, b) => a.step - b.step);
}

export interface Flag {
  key: string;
  /** Pixels. */
  x: number;
  sign: string;
  texts: string[];
  /** The ids of the marks that it stands for. */
  marks: string[];
  /** Which way it blows; at the right end of the plot there is no room to the right. */
  side: 'left' | 'right';
}

/**
 * Marks whose flags would lie on each other share one, which stands at the first.
 *
 * @param gap what a flag takes, and `width` what the plot has, in pixels.
 */
export function flagsOf(marks: readonly { mark: Mark; x: number }[], gap: number, width: number): Flag[] {
  const flags: Flag[] = [];
  for (const { mark, x } of marks) {
    const last = flags.at(-1);
    const side = x > width - gap ? 'left' : 'right';
    const apart = last !== undefined && side !== last.side ? 2 * gap : gap;
    if (last !== undefined && x - last.x < apart) {
      last.texts.push(mark.text);
      last.marks.push(mark.id);
      last.sign = String(last.texts.length);
    } else {
      flags.push({ key: mark.id, x, sign: mark.sign, texts: [mark.text], marks: [mark.id], side });
    }
  }
  return flags;
}
