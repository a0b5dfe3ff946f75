/** Rows of a base as messages that fit frames. A row may be larger than a frame: what is sent is bytes, cut wherever a message is full. */
import { firstRow, RowPacker, wholeRows } from '../packed-rows.js';
import type { RowReader } from '../storage/base.js';

/** Bytes in one message. */
const CHUNK_BYTES = 128 << 10;

/** Cuts rows into chunks. To be closed exactly once. */
export class Chunks {
  readonly #reader: RowReader;
  readonly #packer = new RowPacker(CHUNK_BYTES);
  /** Packed, and given up to `#at`. */
  #packed: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(reader: RowReader) {
    this.#reader = reader;
  }

  /** The next bytes; null when there are none left. @throws StorageError ROT */
  take(): Buffer | null {
    if (this.#at === this.#packed.length) {
      for (const { key, value } of this.#reader.next(CHUNK_BYTES)) this.#packer.put(key, value);
      if (this.#packer.length === 0) return null;
      this.#packed = this.#packer.take();
      this.#at = 0;
    }
    const chunk = this.#packed.subarray(this.#at, this.#at + CHUNK_BYTES);
    this.#at += chunk.length;
    return chunk;
  }

  close(): void {
    this.#reader.close();
  }
}

/** Puts chunks together again. */
export class Joiner {
  /** What has come of rows that are not whole. */
  #parts: Buffer[] = [];
  #bytes = 0;
  /** With fewer bytes the first of them is not whole. */
  #needed = 0;

  /** Rows that are whole now, in memory of their own; empty while there are none. */
  join(chunk: Buffer): Buffer {
    // A frame's memory is its connection's.
    this.#parts.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return NOTHING;
    const bytes = Buffer.concat(this.#parts);
    const whole = wholeRows(bytes);
    const rest = Buffer.from(bytes.subarray(whole));
    this.#parts = [rest];
    this.#bytes = rest.length;
    this.#needed = firstRow(rest);
    const rows = Buffer.allocUnsafeSlow(whole);
    bytes.copy(rows, 0, 0, whole);
    return rows;
  }

  /** False while a row has not come to its end. */
  get complete(): boolean {
    return this.#bytes === 0;
  }
}

const NOTHING = Buffer.alloc(0);
