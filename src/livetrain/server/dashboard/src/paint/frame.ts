/** One step's frame, decoded: what is painted, and where each tile's picture is found. */
import type { Tile } from '../lib/tile';
import type { ValueRange } from '../lib/value-range';

export type Pictures =
  | { kind: 'strip'; bitmap: ImageBitmap; tileWidth: number; tileHeight: number }
  /** `own`: those that no later frame may show again. */
  | { kind: 'tiles'; bitmaps: readonly (ImageBitmap | null)[]; own: readonly ImageBitmap[] };

/** What a frame says beside its pictures: plain data, which can be handed to another thread. */
export interface FrameView {
  number: number;
  step: number;
  epoch: number;
  rank: number;
  /** Unix microseconds of the log_batch call; 0: not said. */
  loggedUs: number;
  /** Frames that the server replaced before this page could take them, so far. */
  serverSkipped: number;
  tiles: readonly Tile[];
  /** null: the pictures' numbers are what they are, or nothing is known of them. */
  range: ValueRange | null;
}

export interface DecodedFrame {
  view: FrameView;
  pictures: Pictures;
  /** It was there before this page came: how late it is painted says nothing. */
  kept: boolean;
}

export interface Source {
  image: ImageBitmap;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where the picture of tile `i` is; null: there is none. */
export function sourceOf(pictures: Pictures, i: number): Source | null {
  if (pictures.kind === 'strip') {
    const { bitmap: image, tileWidth: width, tileHeight: height } = pictures;
    return { image, x: 0, y: i * height, width, height };
  }
  const image = pictures.bitmaps[i];
  return image ? { image, x: 0, y: 0, width: image.width, height: image.height } : null;
}

export function freePictures({ pictures }: DecodedFrame): void {
  if (pictures.kind === 'strip') pictures.bitmap.close();
  else for (const bitmap of pictures.own) bitmap.close();
}
