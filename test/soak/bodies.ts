/** Numbered messages whose length and content follow from their number, so that none can be taken for another or be changed unnoticed. */
import { randomFillSync } from 'node:crypto';

/** Of the number that a body begins with. */
const NUMBER_BYTES = 6;
const POOL_BYTES = 1 << 20;
/** Numbers next to each other give lengths and contents that are not: odd, and close to 2^32 over the golden ratio. */
const SPREAD = 0x9e3779b1;

export class Bodies {
  readonly #least: number;
  readonly #most: number;
  readonly #pool = randomFillSync(Buffer.alloc(POOL_BYTES));

  /** Of `least` to `most` bytes; at least 6, and less than a MiB. */
  constructor(least: number, most: number) {
    this.#least = least;
    this.#most = most;
  }

  of(number: number): Buffer {
    const body = Buffer.allocUnsafe(this.#length(number));
    body.writeUIntBE(number, 0, NUMBER_BYTES);
    this.#content(number).copy(body, NUMBER_BYTES);
    return body;
  }

  /** The number of a message that came out of the queue. @throws Error when it is not as it was when it went in */
  read(body: unknown): number {
    if (!Buffer.isBuffer(body) || body.length < NUMBER_BYTES) throw new Error(`came out, and never went in: ${body}`);
    const number = body.readUIntBE(0, NUMBER_BYTES);
    if (!body.subarray(NUMBER_BYTES).equals(this.#content(number)))
      throw new Error(`message ${number} did not come out as it went in: ${body.length} bytes`);
    return number;
  }

  #length(number: number): number {
    return this.#least + (spread(number) % (this.#most - this.#least + 1));
  }

  #content(number: number): Buffer {
    const length = this.#length(number) - NUMBER_BYTES;
    const from = spread(number + this.#most) % (POOL_BYTES - length);
    return this.#pool.subarray(from, from + length);
  }
}

function spread(number: number): number {
  return Math.imul(number, SPREAD) >>> 0;
}
