/** Memory for small byte strings that are kept: copies them out of network chunks, so that a chunk does not live on for one of them. */

/** Bytes of a slab. It is given back when the last string in it is gone; strings that are kept together leave together. */
const SLAB_BYTES = 16_384;
/** Strings above this have memory of their own. */
const SHARED_BYTES_MAX = 4096;

/** Bytes that are kept, by their place in a slab: a third of the memory of a Buffer, and much less work for the collector. */
export interface Kept {
  readonly slab: Buffer;
  readonly start: number;
  readonly length: number;
}

/** Copies bytes into slabs, one behind the other. */
export class Slabs {
  private slab: Buffer = Buffer.alloc(0);
  private used = 0;

  /** A copy of `bytes`. */
  keep(bytes: Buffer): Kept {
    const { length } = bytes;
    if (length > SHARED_BYTES_MAX) {
      const slab = Buffer.allocUnsafeSlow(length);
      bytes.copy(slab);
      return { slab, start: 0, length };
    }
    if (this.used + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
    }
    const { slab, used: start } = this;
    this.used += length;
    bytes.copy(slab, start);
    return { slab, start, length };
  }
}

/** The bytes, in the memory in which they are kept: not to be changed. */
export function bytesOf({ slab, start, length }: Kept): Buffer {
  return slab.subarray(start, start + length);
}
