/** One picture decoded at a time, the newest next: two at once would be ready together, and one of them for nothing. */
import { FrameSlot } from '../lib/frame-slot';

export class Decoder<T> {
  private readonly slot: FrameSlot<T>;
  private busy = false;

  /**
   * @param decode decodes and hands on; must not reject.
   * @param skip told of each frame that a newer one replaced before its turn.
   */
  constructor(
    private readonly decode: (frame: T) => Promise<void>,
    skip: (frame: T) => void,
  ) {
    this.slot = new FrameSlot(skip);
  }

  get skipped(): number {
    return this.slot.replaced;
  }

  put(frame: T): void {
    this.slot.put(frame);
    if (!this.busy) void this.run();
  }

  private async run(): Promise<void> {
    this.busy = true;
    for (let frame = this.slot.take(); frame !== null; frame = this.slot.take()) await this.decode(frame);
    this.busy = false;
  }
}
