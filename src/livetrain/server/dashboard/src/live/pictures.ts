/** Compressed pictures to bitmaps, off the page's own thread. */
import type { Frame } from '../gen/livetrain/proto/live_pb';
import type { BatchData, ImageData as WireImage } from '../gen/livetrain/proto/telemetry_pb';
import { TILES } from '../lib/tiles-of';
import type { Pictures } from '../paint/frame';

/** More than the server takes a page to have. */
const KEPT_PICTURES = 512;
const KEPT_BITMAPS = 64;

async function decode(bytes: Uint8Array, format: string): Promise<ImageBitmap | null> {
  if (bytes.length === 0) return null;
  // The type is one of two whatever the sender says: nothing else is ever handed to the browser's decoders.
  const type = format === 'png' ? 'image/png' : 'image/jpeg';
  try {
    return await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
  } catch {
    return null;
  }
}

/** Forgets what was put in first. */
function keep<T>(kept: Map<bigint, T>, hash: bigint, value: T, most: number): void {
  kept.delete(hash);
  kept.set(hash, value);
  for (const oldest of kept.keys()) {
    if (kept.size <= most) break;
    // A bitmap is left to the garbage collector: the frame in view may still show it.
    kept.delete(oldest);
  }
}

/** Pictures that travel once: an empty picture with a hash means "as it was". */
export class PictureKeeper {
  private readonly compressed = new Map<bigint, WireImage>();
  private readonly bitmaps = new Map<bigint, ImageBitmap>();

  /** Keep the pictures that a frame brings; of each frame that comes, for one that is never shown may bring them. */
  note(frame: Frame): void {
    const payload = frame.record?.payload;
    const own = payload?.case === 'batchData' ? payload.value.images : [];
    for (const image of [...frame.kept, ...own]) {
      if (image.contentHash !== 0n && image.imageBytes.length > 0) {
        keep(this.compressed, image.contentHash, image, KEPT_PICTURES);
      }
    }
  }

  async tile(image: WireImage): Promise<ImageBitmap | null> {
    const hash = image.contentHash;
    if (hash === 0n) return decode(image.imageBytes, image.format);
    const known = this.bitmaps.get(hash);
    const picture = this.compressed.get(hash);
    if (known !== undefined || picture === undefined) return known ?? null;
    const bitmap = await decode(picture.imageBytes, picture.format);
    if (bitmap !== null) keep(this.bitmaps, hash, bitmap, KEPT_BITMAPS);
    return bitmap;
  }

  async pictures(batch: BatchData): Promise<Pictures> {
    const { strip } = batch;
    if (strip !== undefined) {
      const bitmap = await decode(strip.imageBytes, strip.format);
      if (bitmap === null) return { kind: 'tiles', bitmaps: [], own: [] };
      return { kind: 'strip', bitmap, tileWidth: strip.tileWidth, tileHeight: strip.tileHeight };
    }
    const bitmaps = await Promise.all(batch.images.slice(0, TILES).map((image) => this.tile(image)));
    const own = bitmaps.filter((_, i) => batch.images[i]?.contentHash === 0n);
    return { kind: 'tiles', bitmaps, own: own.filter((bitmap) => bitmap !== null) };
  }
}
