/**
 * What a cut has to tell of a chunk: its rows as they were at the cut, while messages come and go. Bodies never change, and stay where they
 * are until they are told; states are packed when the first one is about to change.
 */
import type { RowSink } from '../part.js';
import type { Arena } from './arena.js';
import type { Ledger } from './ledger.js';
import { GONE, LENGTH, OFFSET, PLACE, type RowIndex, STATE } from './row-index.js';
import { BodiesWriter, chunkKey, KIND, statesValue } from './rows.js';

/** What there is to say of a row. */
export type RowNews = 'none' | 'put' | 'delete';

/** Where the rows of a chunk are taken from. */
export interface ChunkSource {
  readonly queue: string;
  readonly base: number;
  readonly index: RowIndex;
  readonly arena: Arena;
  readonly ledger: Ledger;
}

/** What is left to be told of a chunk. */
export class ChunkNews {
  private readonly source: ChunkSource;
  private readonly rows: number;
  private readonly bytes: number;
  private bodies: RowNews;
  private readonly states: RowNews;
  private packed: Buffer | undefined;

  /** `rows`: slots of which the rows are; when the bodies are put, all of them are messages, their bodies `bytes` long together. */
  constructor(source: ChunkSource, rows: number, bytes: number, bodies: RowNews, states: RowNews) {
    this.source = source;
    this.rows = rows;
    this.bytes = bytes;
    this.bodies = bodies;
    this.states = states;
  }

  /** The state of one of its messages is about to change. */
  keepStates(): void {
    if (this.states === 'put') this.packed ??= this.packStates();
  }

  /** Tells rows until `out` is full. True when none is left. */
  tell(out: RowSink): boolean {
    const { queue, base } = this.source;
    if (this.bodies !== 'none') {
      if (out.full) return false;
      if (this.bodies === 'put') out.put(chunkKey(queue, base, KIND.bodies), this.packBodies());
      else out.delete(chunkKey(queue, base, KIND.bodies));
      this.bodies = 'none';
    }
    if (this.states !== 'none') {
      if (out.full) return false;
      if (this.states === 'put') out.put(chunkKey(queue, base, KIND.states), this.packed ?? this.packStates());
      else out.delete(chunkKey(queue, base, KIND.states));
    }
    return true;
  }

  /** Bodies lie in the order of their slots, with those of messages that were gone before in between. */
  private packBodies(): Buffer {
    const { index, arena, ledger } = this.source;
    const writer = new BodiesWriter(this.rows, this.bytes, (bytes) => ledger.scratch(bytes));
    let start = 0;
    let end = 0;
    for (let slot = 0; slot < this.rows; slot++) {
      const length = index.get(slot, LENGTH);
      const place = index.get(slot, PLACE);
      writer.add(index.get(slot, OFFSET), length);
      if (place !== end) {
        writer.fill(arena.at(start, end - start));
        start = place;
      }
      end = place + length;
    }
    writer.fill(arena.at(start, end - start));
    return writer.value;
  }

  private packStates(): Buffer {
    return statesValue(this.rows, (slot) => this.source.index.get(slot, STATE) === GONE);
  }
}
