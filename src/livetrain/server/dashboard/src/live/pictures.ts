/** Compressed pictures to bitmaps, off the page's own thread. */
import type { BatchData, ImageData as WireImage } from '../gen/livetrain/proto/telemetry_pb';
import { TILES } from '../lib/tiles-of';
import type { Pictures } from './messages';

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
    for (const [oldest, old] of this.kept) {
      if (this.kept.size <= KEPT_PICTURES) break;
      this.kept.delete(oldest);
      old.close();
    }
  }

  /** Kept ones must stay here: they are copied to the page, all others handed over. */
  private isKept(bitmap: ImageBitmap): boolean {
    for (const kept of this.kept.values()) if (kept === bitmap) return true;
    return false;
  }

  async pictures(batch: BatchData): Promise<Pictures> {
    const { strip } = batch;
    if (strip !== undefined) {
      const bitmap = await decode(strip.imageBytes, strip.format);
      if (bitmap === null) return { kind: 'tiles', bitmaps: [] };
      return { kind: 'strip', bitmap, tileWidth: strip.tileWidth, tileHeight: strip.tileHeight };
    }
    return {
      kind: 'tiles',
      bitmaps: await Promise.all(batch.images.slice(0, TILES).map((image) => this.tile(image))),
    };
  }

  transferable(pictures: Pictures): ImageBitmap[] {
    if (pictures.kind === 'strip') return [pictures.bitmap];
    return pictures.bitmaps.filter((b): b is ImageBitmap => b !== null && !this.isKept(b));
  }
}
