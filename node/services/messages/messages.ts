/**
 * The messages of all queues of a shard: a part of its tables that outgrows memory.
 *
 * They are kept, written and read in chunks. What memory always has is the index, 16 bytes a message. Bodies may leave memory once the
 * base has them, a chunk at a time; they are read back when one is wanted, or a little before. What is in memory and what is not, and which
 * messages are neighbours in a chunk, shows in no answer and in no fingerprint: replicas differ in it.
 */
import { compareStrings } from '../keys.js';
import type { Part, RowSink } from '../part.js';
import { Backlog } from './backlog.js';
import type { Chunk } from './chunk.js';
import { Ledger } from './ledger.js';
import { CHUNK_KEY, KIND, type ReadRow } from './rows.js';

/** The name under which a store stands among the tables of its group. */
export const MESSAGES_TABLE = 'messages';

/** How a store of messages gets at the base. */
export interface Paging {
  /** Reads a row of the base; its key comes without the name of the table. Asked only for rows that are in it. */
  readonly read: ReadRow;
  /** Bytes of bodies up to which `load` keeps them in memory. */
  readonly load_bytes_max: number;
}

/** No base that can be read: all bodies stay in memory, and the store must not be shrunk. */
export const NO_PAGING: Paging = { read: () => undefined, load_bytes_max: Number.POSITIVE_INFINITY };

/** Bytes that one queue may fetch before the next one has its turn. */
const FETCH_BYTES_MAX = 65_536;
/** When bodies have to leave memory, this share of what may stay goes as well: so that it is not done every time. */
const SPARE_SHARE = 1 / 16;

/** The messages of a shard, by (queue, id). */
export class Messages implements Part {
  private readonly load_bytes_max: number;
  private readonly ledger: Ledger;
  private readonly backlogs = new Map<string, Backlog>();
  /** The chunks with rows of the cut under way, by key, and the next one that has to tell. */
  private frozen: readonly Chunk[] | undefined;
  private telling = 0;
  /** Bytes that bodies took when nothing more could leave: there is no need to look again before that has changed. */
  private stuck = 0;

  constructor({ read, load_bytes_max }: Paging = NO_PAGING) {
    this.load_bytes_max = load_bytes_max;
    this.ledger = new Ledger(read);
  }

  /** The messages of one queue. */
  of(queue: string): Backlog {
    const known = this.backlogs.get(queue);
    if (known !== undefined) return known;
    const backlog = new Backlog(queue, this.ledger);
    this.backlogs.set(queue, backlog);
    return backlog;
  }

  get size(): number {
    return this.ledger.size;
  }

  get dirty(): number {
    return this.ledger.dirty;
  }

  /** Bytes of memory that bodies take. */
  get resident(): number {
    return this.ledger.resident;
  }

  /** Bytes of memory that the index takes, which has to stay. */
  get indexed(): number {
    return this.ledger.indexed;
  }

  *rows(): IterableIterator<[Buffer, Buffer]> {
    const backlogs = [...this.backlogs.values()].sort((a, b) => compareStrings(a.queue, b.queue));
    for (const backlog of backlogs) yield* backlog.rows();
  }

  cut(): void {
    const { ledger } = this;
    if (this.frozen !== undefined) throw new Error('a cut of the messages began before the last one was flushed');
    const chunks = [...ledger.changed].filter((chunk) => chunk.freeze());
    this.frozen = chunks.sort((a, b) => compareStrings(a.queue, b.queue) || a.base - b.base);
    this.telling = 0;
    ledger.generation++;
    ledger.changed = new Set();
    ledger.dirty = 0;
  }

  write(out: RowSink): boolean {
    const { frozen = [] } = this;
    for (; this.telling < frozen.length; this.telling++) if (!frozen[this.telling]?.tell(out)) return false;
    return true;
  }

  flushed(): void {
    const { frozen = [] } = this;
    if (this.telling < frozen.length) throw new Error('a cut of the messages was flushed before it was told');
    for (const chunk of frozen) chunk.settle();
    this.frozen = undefined;
    this.stuck = 0;
  }

  load(key: Buffer, value: Buffer): void {
    const [queue, base, kind] = CHUNK_KEY.decode(key);
    const { resident } = this.ledger;
    if (kind === KIND.bodies) this.of(queue).load(base, value, resident + value.length <= this.load_bytes_max);
    else if (kind === KIND.states) this.of(queue).loadStates(base, value);
    else throw new Error(`a row of messages is of the unknown kind ${kind}`);
  }

  /**
   * Lets bodies leave memory that the base has, those first that are farthest from being consumed, whole chunks at a time, until they
   * take `bytes_max` or none is left that may go. To be called after a cut was flushed, and when `resident` has grown.
   */
  shrink(bytes_max: number): void {
    const { ledger } = this;
    if (ledger.resident <= Math.max(bytes_max, this.stuck)) return;
    const found: { chunk: Chunk; ahead: number }[] = [];
    for (const { chunks } of this.backlogs.values()) {
      let ahead = 0;
      for (const chunk of chunks) {
        if (chunk.droppable) found.push({ chunk, ahead });
        ahead += chunk.bytes;
      }
    }
    found.sort((a, b) => b.ahead - a.ahead);
    const goal = bytes_max * (1 - SPARE_SHARE);
    for (const { chunk } of found) {
      if (ledger.resident <= goal) return;
      chunk.drop();
    }
    this.stuck = ledger.resident + bytes_max * SPARE_SHARE;
  }

  /**
   * Takes bodies into memory that will be wanted soon: those at the front of the queues from which messages went of late, in
   * proportion to these. Passes `bytes_max` by one chunk at most. To be called once a turn.
   */
  prefetch(bytes_max: number): void {
    const { consumed } = this.ledger;
    let left = bytes_max;
    for (const backlog of consumed) {
      if (left <= 0) return;
      consumed.delete(backlog);
      left -= backlog.fetch(Math.min(left, FETCH_BYTES_MAX));
      // Its next turn comes behind those of the others, in this loop if bytes are left by then.
      if (backlog.wants) consumed.add(backlog);
    }
  }
}
