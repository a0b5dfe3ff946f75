/** Words for tests of the store of messages: a base as it is on disk, and cuts that are told to it in slices. */
import { Messages } from '../../node/services/messages/messages.js';
import { BodiesRow, CHUNK_KEY, KIND } from '../../node/services/messages/rows.js';
import type { Part, RowSink } from '../../node/services/part.js';

/** A row as one looks at it. */
export type ShownRow = readonly [key: string, value: string];

/** What stands in a base: rows, as told by cuts that were flushed. */
export class MessageBase {
  /** Hexadecimal key -> value. */
  readonly rows = new Map<string, Buffer>();
  /** Bytes that came back one row at a time, and how often. */
  reads = 0;
  /** Bytes of the values of all rows that were told. */
  bytesTold = 0;
  private slices: [string, Buffer | null][] = [];

  /** As a store reads a row back. */
  readonly read = (key: Buffer): Buffer | undefined => {
    this.reads++;
    return this.rows.get(key.toString('hex'));
  };

  /** Has a part tell rows of the cut under way until a slice of so many bytes is full: true when all are told. */
  take(part: Part, bytes_max: number): boolean {
    let bytes = 0;
    const tell = (key: Buffer, value: Buffer | null): void => {
      const hex = key.toString('hex');
      const before = this.slices[this.slices.length - 1]?.[0] ?? '';
      if (hex <= before) throw new Error(`row ${hex} is told behind ${before}`);
      if (value === null && !this.rows.has(hex)) throw new Error(`row ${hex} is deleted and never stood in the base`);
      this.slices.push([hex, value && Buffer.from(value)]);
      bytes += key.length + (value?.length ?? 0);
      this.bytesTold += value?.length ?? 0;
    };
    const out: RowSink = {
      get full() {
        return bytes >= bytes_max;
      },
      put: tell,
      delete: (key) => tell(key, null),
    };
    return part.write(out);
  }

  /** Messages with whose bodies rows were told of the cut under way: queue and id. */
  messagesTold(): [string, number][] {
    return this.slices.flatMap(([hex, value]) => {
      const [queue, base, kind] = CHUNK_KEY.decode(Buffer.from(hex, 'hex'));
      if (kind !== KIND.bodies || value === null) return [];
      const row = new BodiesRow(value);
      return Array.from({ length: row.count }, (_, slot): [string, number] => [queue, base + row.offset(slot)]);
    });
  }

  /** Rows told of the cut under way. */
  get told(): number {
    return this.slices.length;
  }

  /** What was told of the cut is in the base. */
  flush(part: Part): void {
    for (const [key, value] of this.slices) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, value);
    }
    this.slices = [];
    part.flushed();
  }

  /** What was told of the cut is lost, as in a power cut. */
  lose(): void {
    this.slices = [];
  }

  /** Cuts, tells in slices of so many bytes, and flushes: the number of rows told. */
  checkpoint(part: Part, bytes_max = 1 << 20): number {
    part.cut();
    while (!this.take(part, bytes_max));
    const { told } = this;
    this.flush(part);
    return told;
  }

  /** Gives all rows to an empty part. */
  restore(part: Part): void {
    for (const key of [...this.rows.keys()].sort()) part.load(Buffer.from(key, 'hex'), this.rows.get(key) as Buffer);
  }

  /** A store that has nothing but its rows. */
  restored(): Messages {
    const store = new Messages();
    this.restore(store);
    return store;
  }
}

/** The rows of a part, as they come. */
export function shownRows(part: Part): ShownRow[] {
  return [...part.rows()].map(([key, value]) => [key.toString('hex'), value.toString('latin1')]);
}
