/**
 * Rows on their way into a base, packed behind each other, so that one buffer that changes hands carries many: key length, value length
 * (both u32, big-endian; a value length of 0xffffffff deletes the row), key, value.
 */

/** Longest key of a row, bytes. LMDB takes 1,978, of which the base needs some for itself. */
export const ROW_KEY_BYTES_MAX = 1_900;

const HEADER_BYTES = 8;

/** Room behind a full buffer for the row that fills it. */
const SLACK_BYTES = 4 << 10;
const DELETED = 0xffffffff;
const NOTHING = Buffer.alloc(0);

/** Packs rows. It is full once it holds `bytes_full` bytes; what is put in after that it takes as well. */
export class RowPacker {
  readonly #bytes_full: number;
  #packed = NOTHING;
  #length = 0;

  constructor(bytes_full: number) {
    this.#bytes_full = bytes_full;
  }

  get full(): boolean {
    return this.#length >= this.#bytes_full;
  }

  /** Bytes packed so far. */
  get length(): number {
    return this.#length;
  }

  /** @throws RangeError when the key is too long */
  put(key: Buffer, value: Buffer): void {
    const at = this.#begin(key, value.length, value.length);
    value.copy(this.#packed, at);
  }

  /** @throws RangeError when the key is too long */
  delete(key: Buffer): void {
    this.#begin(key, DELETED, 0);
  }

  /** What was packed, in an ArrayBuffer of its own. The packer begins anew. */
  take(): Buffer {
    const taken = this.#packed.subarray(0, this.#length);
    this.#packed = NOTHING;
    this.#length = 0;
    return taken;
  }

  /** Packs lengths and key, and gives the place of the value. */
  #begin(key: Buffer, value_length: number, value_bytes: number): number {
    if (key.length > ROW_KEY_BYTES_MAX)
      throw new RangeError(`a key of ${key.length} bytes, at most ${ROW_KEY_BYTES_MAX}`);
    const start = this.#length;
    const end = start + HEADER_BYTES + key.length + value_bytes;
    if (end > this.#packed.length) this.#grow(end);
    this.#packed.writeUInt32BE(key.length, start);
    this.#packed.writeUInt32BE(value_length, start + 4);
    key.copy(this.#packed, start + HEADER_BYTES);
    this.#length = end;
    return start + HEADER_BYTES + key.length;
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#packed.length, this.#bytes_full + SLACK_BYTES));
    this.#packed.copy(grown, 0, 0, this.#length);
    this.#packed = grown;
  }
}

/**
 * Gives every row of a packed buffer to `visit`, in order; null stands for a deletion. Keys and values are views of the buffer.
 * @throws RangeError when the buffer is not what a packer gave
 */
export function eachPackedRow(packed: Buffer, visit: (key: Buffer, value: Buffer | null) => void): void {
  let at = 0;
  while (at < packed.length) {
    if (at + HEADER_BYTES > packed.length) throw new RangeError('packed rows end inside a row');
    const key_length = packed.readUInt32BE(at);
    const value_length = packed.readUInt32BE(at + 4);
    const key_end = at + HEADER_BYTES + key_length;
    const end = key_end + (value_length === DELETED ? 0 : value_length);
    if (key_length > ROW_KEY_BYTES_MAX || end > packed.length) throw new RangeError('packed rows end inside a row');
    const key = packed.subarray(at + HEADER_BYTES, key_end);
    visit(key, value_length === DELETED ? null : packed.subarray(key_end, end));
    at = end;
  }
}

/** How many bytes at the beginning of `packed` are whole rows. */
export function wholeRows(packed: Buffer): number {
  let at = 0;
  for (let end = firstRow(packed); end <= packed.length; end = at + firstRow(packed, at)) at = end;
  return at;
}

/** How many bytes the row takes that begins at `at`, all there or not. */
export function firstRow(packed: Buffer, at = 0): number {
  if (at + HEADER_BYTES > packed.length) return HEADER_BYTES;
  const value_length = packed.readUInt32BE(at + 4);
  return HEADER_BYTES + packed.readUInt32BE(at) + (value_length === DELETED ? 0 : value_length);
}
