/** Compressed pictures to bitmaps, off the page's own thread. */
import type { BatchData, ImageData as WireImage } from '../gen/livetrain/proto/telemetry_pb';
import { TILES } from '../lib/tiles-of';
import type { Pictures } from '../paint/frame';

const KEPT_PICTURES = 64;

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

/** Pictures that travel once: an empty picture with a hash means "as it was". */
export class PictureKeeper {
  private readonly kept = new Map<bigint, ImageBitmap>();

  async tile(image: WireImage): Promise<ImageBitmap | null> {
    const hash = image.contentHash;
    if (image.imageBytes.length === 0) return hash === 0n ? null : (this.kept.get(hash) ?? null);
    const bitmap = await decode(image.imageBytes, image.format);
    if (hash !== 0n && bitmap !== null) this.keep(hash, bitmap);
    return bitmap;
  }

  private keep(hash: bigint, bitmap: ImageBitmap): void {
    this.kept.delete(hash);
    this.kept.set(hash, bitmap);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_PICTURES) break;
      // Left to the garbage collector: the frame in view may still show it.
      this.kept.delete(oldest);
    }
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
