/** Is a point near a box? For what should stay open while a hand is about it. */
export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** @param reach how far outside the box still counts. */
export function isNear(x: number, y: number, box: Edges, reach: number): boolean {
  return x >= box.left - reach && x <= box.right + reach && y >= box.top - reach && y <= box.bottom + reach;
}
