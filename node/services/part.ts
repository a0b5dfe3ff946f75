/** What the tables of a group are made of, each under a name: a table in memory, or a store that holds its rows in a form of its own. */

/** Rows under one name, which can be written out as they were at a moment while they go on changing, and read back. */
export interface Part {
  /** Number of rows; of a store that puts several things into a row, of these. */
  readonly size: number;
  /** Bytes changed since the last cut, roughly: for deciding when to cut. */
  readonly dirty: number;
  /**
   * Every row as bytes of its key and of its value, ascending by the bytes of the key, as a part with no past would have them: for
   * fingerprints and shadow replicas. `load` takes them.
   */
  rows(): IterableIterator<[Buffer, Buffer]>;
  /** What changed up to now, since the cut before, belongs to this cut. Not called again before the last one is flushed. */
  cut(): void;
  /**
   * Tells rows of the cut AS THEY WERE at the cut, each once, ascending by the bytes of the key, until `out` is full. True when none is
   * left. False with less than `out` could take when there was much to look at and little to tell: a call may look at a named number
   * of rows only.
   */
  write(out: RowSink): boolean;
  /** The cut, told to its end, is in the base. */
  flushed(): void;
  /** A row read back, before anything else happens to the part; it is clean. Rows come ascending by the bytes of the key. */
  load(key: Buffer, value: Buffer): void;
}

/** Where a part tells the rows of a cut. Keys come without the name of the part. Whatever is kept of keys and values is copied at once. */
export interface RowSink {
  /** True when no more rows should come in this slice. A row too many does no harm. */
  readonly full: boolean;
  /** The row has this value now. */
  put(key: Buffer, value: Buffer): void;
  /** The row, which stands in the base, is gone. */
  delete(key: Buffer): void;
}
