/** Memory for small byte strings that are kept: copies them out of network chunks, so that a chunk does not live on for one of them. */

/** Bytes of a slab. It is given back when the last string in it is gone; strings that are kept together leave together. */
const SLAB_BYTES = 16_384;
/** Strings above this have memory of their own. */
const SHARED_BYTES_MAX = 4096;

/** Copies bytes into slabs, one behind the other. */
export class Slabs {
  private slab: Buffer = Buffer.alloc(0);
  private used = 0;

  /** A copy of `bytes`. */
  keep(bytes: Buffer): Buffer {
    const { length } = bytes;
    if (length > SHARED_BYTES_MAX) {
      const own = Buffer.allocUnsafeSlow(length);
      bytes.copy(own);
      return own;
    }
    if (this.used + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
    }
    const start = this.used;
    this.used += length;
    bytes.copy(this.slab, start);
    return this.slab.subarray(start, this.used);
  }
}
