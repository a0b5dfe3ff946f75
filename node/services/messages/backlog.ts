/** The messages of one queue, by id: chunks in order. The first is found at once, any other by halving. */
import { Chunk } from './chunk.js';
import { Ledger } from './ledger.js';

/** A message as it is handed out. */
export interface Message {
  readonly id: number;
  /** Not to be changed, nor to be kept beyond the entry under way. */
  readonly body: Buffer;
}

/** What a message counts for besides its body where bodies are fetched ahead. */
const MESSAGE_BYTES = 16;
/** Of a queue that is consumed, at most so many bytes are fetched ahead. */
const AHEAD_BYTES_MAX = 2 << 20;

/** The messages of one queue. */
export class Backlog {
  readonly queue: string;
  /** Messages. */
  size = 0;
  /** Bytes of their bodies. */
  bytes = 0;
  /** Ascending, by their bases. The last one may be empty, as long as the base does not know it: it takes what comes next. */
  readonly chunks: Chunk[] = [];
  private readonly ledger: Ledger;
  /** Bytes that may be fetched ahead: earned by those that were consumed. */
  private credit = 0;

  constructor(queue: string, ledger: Ledger) {
    this.queue = queue;
    this.ledger = ledger;
  }

  /** Adds a message; its id has to be above all that ever were in this queue. The body is copied. */
  append(id: number, body: Buffer): void {
    this.chunkFor(id, body.length).append(id, body);
    this.size++;
    this.bytes += body.length;
  }

  /** Adds the chunk of a row with bodies that the base has, above all others; `keep`: its bodies come into memory. @throws Error when it is none */
  load(base: number, value: Buffer, keep: boolean): void {
    const chunk = new Chunk(this.queue, base, this.ledger);
    chunk.load(value, keep);
    this.chunks.push(chunk);
    this.size += chunk.live;
    this.bytes += chunk.bytes;
  }

  /** Takes over the row of states of the chunk that was loaded last. @throws Error when it is none */
  loadStates(base: number, value: Buffer): void {
    const chunk = this.chunks[this.chunks.length - 1];
    if (chunk?.base !== base) throw new Error('a row of states stands behind no row of messages');
    this.size -= chunk.live;
    this.bytes -= chunk.bytes;
    chunk.loadStates(value);
    this.size += chunk.live;
    this.bytes += chunk.bytes;
  }

  /** The first message. */
  first(): Message | undefined {
    const chunk = this.chunks[0];
    if (chunk === undefined || chunk.live === 0) return undefined;
    const slot = chunk.first();
    return { id: chunk.idAt(slot), body: this.bodyOf(chunk, slot) };
  }

  /** The body of a message, not to be changed; undefined when there is no such message. */
  body(id: number): Buffer | undefined {
    const chunk = this.chunks[this.at(id)];
    const slot = chunk?.find(id) ?? -1;
    return chunk === undefined || slot === -1 ? undefined : this.bodyOf(chunk, slot);
  }

  /** Takes a message out; false when there is no such message. */
  remove(id: number): boolean {
    const at = this.at(id);
    const chunk = this.chunks[at];
    const slot = chunk?.find(id) ?? -1;
    if (chunk === undefined || slot === -1) return false;
    const length = chunk.lengthAt(slot);
    chunk.remove(slot);
    this.size--;
    this.bytes -= length;
    this.earn(2 * (length + MESSAGE_BYTES));
    if (chunk.live === 0 && (chunk.known || at < this.chunks.length - 1)) this.discard(at, chunk);
    return true;
  }

  /** The rows of all messages, by id, as a queue with no past would have them: the same however these came, went and were stored. */
  *rows(): IterableIterator<[Buffer, Buffer]> {
    const ledger = new Ledger(() => undefined);
    let packing: Chunk | undefined;
    for (const chunk of this.chunks) {
      for (const [id, body] of chunk.messages()) {
        if (!packing?.takes(id, body.length)) {
          yield* rowsOf(packing);
          packing = new Chunk(this.queue, id, ledger);
        }
        packing.append(id, body);
      }
    }
    yield* rowsOf(packing);
  }

  /** True while consumption has earned that more bodies are fetched. */
  get wants(): boolean {
    return this.credit > 0;
  }

  /** Takes bodies at the front into memory, chunk by chunk, as far ahead as consumption has earned, until `bytes_max` is passed: for how many bytes. */
  fetch(bytes_max: number): number {
    let fetched = 0;
    let ahead = 0;
    for (const chunk of this.chunks) {
      const bytes = chunk.bytes + chunk.live * MESSAGE_BYTES;
      ahead += bytes;
      if (chunk.away) {
        chunk.fetch();
        fetched += bytes;
        this.credit = Math.max(0, this.credit - bytes);
        if (fetched >= bytes_max || this.credit === 0) return fetched;
      }
      if (ahead >= AHEAD_BYTES_MAX) break;
    }
    this.credit = 0;
    return fetched;
  }

  private bodyOf(chunk: Chunk, slot: number): Buffer {
    chunk.fetch();
    return chunk.bodyAt(slot);
  }

  private earn(bytes: number): void {
    if (this.credit === 0) this.ledger.consumed.add(this);
    this.credit = Math.min(this.credit + bytes, AHEAD_BYTES_MAX);
  }

  /** The chunk that takes the next message. */
  private chunkFor(id: number, length: number): Chunk {
    const at = this.chunks.length - 1;
    const last = this.chunks[at];
    if (last?.takes(id, length)) return last;
    if (last?.live === 0) this.discard(at, last);
    const chunk = new Chunk(this.queue, id, this.ledger);
    this.chunks.push(chunk);
    return chunk;
  }

  private discard(at: number, chunk: Chunk): void {
    if (at === 0) this.chunks.shift();
    else this.chunks.splice(at, 1);
    chunk.retire();
  }

  /** The place of the chunk that has the message if there is one. */
  private at(id: number): number {
    const second = this.chunks[1];
    if (second === undefined || id < second.base) return 0;
    let low = 1;
    let high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.chunks[middle] as Chunk).base <= id) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The rows of a chunk that was never told. */
function rowsOf(chunk: Chunk | undefined): [Buffer, Buffer][] {
  const rows: [Buffer, Buffer][] = [];
  chunk?.freeze();
  chunk?.tell({ full: false, put: (key, value) => rows.push([key, Buffer.from(value)]), delete() {} });
  return rows;
}
