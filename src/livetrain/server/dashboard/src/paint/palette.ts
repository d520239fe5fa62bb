/** The painter's colours, read from the page's own tokens so that canvas and page never differ. */
export interface Palette {
  surface: string;
  well: string;
  track: string;
  text: string;
  muted: string;
  right: string;
  wrong: string;
  neutral: string;
  onBadge: string;
  font: string;
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    surface: token('--surface'),
    well: token('--well'),
    track: token('--line'),
    text: token('--text'),
    muted: token('--muted'),
    right: token('--right'),
    wrong: token('--wrong'),
    neutral: token('--neutral'),
    onBadge: token('--on-badge'),
    font: token('--font'),
  };
}
