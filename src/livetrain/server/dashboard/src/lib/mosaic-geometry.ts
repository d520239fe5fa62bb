/** Where the sixteen tiles stand: pure arithmetic in CSS pixels, shared by the canvas and the buttons above it. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Geometry {
  width: number;
  height: number;
  columns: number;
  gap: number;
  /** The side of a picture. */
  side: number;
  /** The height of the words below it. */
  caption: number;
  cells: Box[];
  /** Where the words about the whole frame stand. */
  status: Box;
}

export function layOut(width: number, count = 16, columns = 4): Geometry {
  const least = width < 480 ? 6 : 8;
  const side = Math.max(24, Math.floor((width - least * (columns - 1)) / columns));
  // Pictures are whole pixels wide; what is left over goes between them, so that both edges are met.
  const gap = Math.max(least, (width - side * columns) / (columns - 1));
  const caption = side < 100 ? 32 : side < 200 ? 38 : 44;
  const rows = Math.ceil(count / columns);
  const cells = Array.from({ length: count }, (_, i) => ({
    x: Math.round((i % columns) * (side + gap)),
    y: Math.round(Math.floor(i / columns) * (side + caption + gap)),
    width: side,
    height: side + caption,
  }));
  const below = Math.round(rows * (side + caption + gap));
  const status = { x: 0, y: below, width, height: width < 400 ? 36 : 20 };
  return {
    width,
    height: below + status.height,
    status,
    columns,
    gap,
    side,
    caption,
    cells,
  };
}

/** The largest box of that shape in the middle of a square of `side`. */
export function contain(width: number, height: number, side: number): Box {
  const scale = side / Math.max(width, height, 1);
  const w = Math.round(width * scale);
  const h = Math.round(height * scale);
  return { x: Math.floor((side - w) / 2), y: Math.floor((side - h) / 2), width: w, height: h };
}

/** Pixels of a small picture are what there is to see: enlarged they stay squares, only large ones are smoothed. */
export function isPixelated(pictureSide: number, shownSide: number): boolean {
  return pictureSide <= 64 && shownSide >= pictureSide * 1.5;
}
