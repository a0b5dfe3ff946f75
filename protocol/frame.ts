/** Frames: a u32 big-endian length, then that many bytes of body. Takes them out of a stream of chunks and puts them into one buffer. */
import { ConcordError } from './errors.js';
import { LIMITS } from './limits.js';

/** Bytes of the length in front of a body. */
export const HEAD_BYTES = 4;

/** First allocation for a body that comes in pieces: what has only been claimed costs nothing. */
const FIRST_PIECE_BYTES = 65_536;

/** First and largest capacity that a writer starts a flush with. */
const FLUSH_BYTES_MIN = 512;
const FLUSH_BYTES_MAX = 65_536;

/**
 * Takes frames out of a byte stream, however it is cut. The work is linear in the bytes pushed: nothing is looked at twice.
 * What is kept is at most twice what has arrived of one body.
 */
export class FrameDecoder {
  /** Largest body accepted, bytes. It may be changed at any time, also from within `onBody`, and counts from the next head on. */
  limit: number;
  #headBytes = 0;
  #length = 0;
  #body: Buffer | null = null;
  #filled = 0;
  #fault: ConcordError | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Calls `onBody` with each body that `chunk` completes, in order. A body that lies whole in the chunk shares its memory, any
   * other has its own; neither is ever written to again. Returns what is wrong with the bytes (BAD_FRAME, FRAME_TOO_BIG):
   * the decoder is of no use from then on and gives the same error again.
   */
  push(chunk: Buffer, onBody: (body: Buffer) => void): ConcordError | null {
    let at = 0;
    while (this.#fault === null && at < chunk.length) {
      if (this.#headBytes < HEAD_BYTES) {
        at = this.#readHead(chunk, at);
        continue;
      }
      const missing = this.#length - this.#filled;
      const here = Math.min(missing, chunk.length - at);
      const end = at + here;
      if (here < missing) {
        this.#keep(chunk, at, end);
      } else if (this.#body === null) {
        this.#reset();
        onBody(chunk.subarray(at, end));
      } else {
        this.#keep(chunk, at, end);
        const body = this.#body.subarray(0, this.#filled);
        this.#reset();
        onBody(body);
      }
      at = end;
    }
    return this.#fault;
  }

  #readHead(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#headBytes === 0 && chunk.length - at >= HEAD_BYTES) {
      this.#length = chunk.readUInt32BE(at);
      this.#headBytes = HEAD_BYTES;
      at += HEAD_BYTES;
    } else {
      this.#length = this.#length * 256 + (chunk[at] ?? 0);
      this.#headBytes++;
      at++;
      if (this.#headBytes < HEAD_BYTES) return at;
    }
    if (this.#length === 0) this.#fault = new ConcordError('BAD_FRAME', 'a frame of length 0');
    if (this.#length > this.limit)
      this.#fault = new ConcordError(
        'FRAME_TOO_BIG',
        `a frame of ${this.#length} bytes; at most ${this.limit} are allowed`,
      );
    return at;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const filled = this.#filled + end - start;
    if (this.#body === null || filled > this.#body.length) {
      const wanted = Math.max(filled, FIRST_PIECE_BYTES, 2 * this.#filled);
      const larger = Buffer.allocUnsafe(Math.min(this.#length, wanted));
      this.#body?.copy(larger, 0, 0, this.#filled);
      this.#body = larger;
    }
    chunk.copy(this.#body, this.#filled, start, end);
    this.#filled = filled;
  }

  #reset(): void {
    this.#headBytes = 0;
    this.#length = 0;
    this.#body = null;
    this.#filled = 0;
  }
}

/** Gathers frames into one buffer, to be written at once. */
export class FrameWriter {
  #buffer: Buffer | null = null;
  #used = 0;
  #start = FLUSH_BYTES_MIN;

  /** Bytes gathered since the last `take`. */
  get bytes(): number {
    return this.#used;
  }

  /** Adds a frame with a copy of `body`. @throws ConcordError FRAME_TOO_BIG, and nothing is added */
  add(body: Buffer): void {
    checkLength(body.length);
    const buffer = this.begin(body.length);
    this.end(this.position + body.copy(buffer, this.position));
  }

  /** Begins a frame whose body, of at most `bytes_max`, the caller puts into the buffer from `position` on. Nothing is added before `end`. */
  begin(bytes_max: number): Buffer {
    return this.#room(HEAD_BYTES + bytes_max);
  }

  /** Where the body of the next frame goes. */
  get position(): number {
    return this.#used + HEAD_BYTES;
  }

  /** Adds the frame that was begun, its body ending before `end`. @throws ConcordError FRAME_TOO_BIG, and nothing is added */
  end(end: number): void {
    const length = end - this.position;
    checkLength(length);
    this.#buffer?.writeUInt32BE(length, this.#used);
    this.#used = end;
  }

  /** Hands over what was gathered; the writer keeps no hold on it. null when that is nothing. */
  take(): Buffer | null {
    if (this.#buffer === null || this.#used === 0) return null;
    const taken = this.#buffer.subarray(0, this.#used);
    // The next flush is likely to be as large as this one.
    this.#start = Math.min(Math.max(2 ** Math.ceil(Math.log2(this.#used)), FLUSH_BYTES_MIN), FLUSH_BYTES_MAX);
    this.#buffer = null;
    this.#used = 0;
    return taken;
  }

  #room(bytes: number): Buffer {
    const end = this.#used + bytes;
    if (this.#buffer !== null && end <= this.#buffer.length) return this.#buffer;
    const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#used, this.#start));
    this.#buffer?.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
    return larger;
  }
}

function checkLength(length: number): void {
  if (length <= LIMITS.frame_bytes_max) return;
  const message = `a frame of ${length} bytes; at most ${LIMITS.frame_bytes_max} are allowed`;
  throw new ConcordError('FRAME_TOO_BIG', message);
}
