/** From numbers to pixels and back. */
export interface Scale {
  toPixel: (value: number) => number;
  toValue: (pixel: number) => number;
}

/** Far outside of every screen, and near enough for a canvas to count with. */
const FAR = 1e5;

/**
 * @param from what stands at `start`, and `to` at `end`; pixels.
 * @param log values are placed by their logarithm; what has none is far below.
 */
export function scaleOf(from: number, to: number, start: number, end: number, log = false): Scale {
  const place = log
    ? (value: number) => (value > 0 ? Math.log10(value) : -Infinity)
    : (value: number) => value;
  const [low, high] = [place(from), place(to)];
  // The difference of the largest numbers is infinite; that of their halves is not.
  const span = high / 2 - low / 2 || 0.5;
  return {
    toPixel: (value) => {
      const pixel = start + ((place(value) / 2 - low / 2) / span) * (end - start);
      return Math.min(FAR, Math.max(-FAR, pixel));
    },
    toValue: (pixel) => {
      const share = (pixel - start) / (end - start || 1);
      const at = low * (1 - share) + high * share;
      return log ? 10 ** at : at;
    },
  };
}
