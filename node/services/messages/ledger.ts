/** What all chunks of a message store have in common: the base, the cut under way, what changed since, and how many bytes stand where. */
import type { Backlog } from './backlog.js';
import type { Chunk } from './chunk.js';
import type { ReadRow } from './rows.js';

/** The books of a store. The chunks keep them. */
export class Ledger {
  readonly read: ReadRow;
  /** Counts the cuts, from 1. */
  generation = 1;
  /** Chunks that changed in this generation. In no order that means anything. */
  changed = new Set<Chunk>();
  /** Bytes changed in this generation, roughly. */
  dirty = 0;
  /** Messages. */
  size = 0;
  /** Bytes of memory taken for bodies. */
  resident = 0;
  /** Bytes of memory taken for indexes. */
  indexed = 0;
  /** Queues from which messages went, and for which bodies may be fetched ahead. The first has waited longest. */
  readonly consumed = new Set<Backlog>();
  private memory = Buffer.alloc(0);

  constructor(read: ReadRow) {
    this.read = read;
  }

  /** Memory of so many bytes to pack a row in: the same every time. */
  scratch(bytes: number): Buffer {
    if (bytes > this.memory.length) this.memory = Buffer.allocUnsafeSlow(bytes);
    return this.memory.subarray(0, bytes);
  }
}
