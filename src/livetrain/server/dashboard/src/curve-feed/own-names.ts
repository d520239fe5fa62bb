/** The library's own curves, which a page shows first: of very many, those told with a snapshot may lack them. */
export const OWN_NAMES = [
  'loss',
  'accuracy',
  'learning_rate',
  'lr',
  'val/loss',
  'val/accuracy',
  'epoch/loss',
  'epoch/accuracy',
] as const;

/** A text that stands before a name and after every other name that does: what is listed after it begins with that name. */
export function justBefore(name: string): string {
  const last = name.codePointAt(name.length - 1) ?? 1;
  return `${name.slice(0, -1)}${String.fromCodePoint(last - 1)}\u{10ffff}`;
}
