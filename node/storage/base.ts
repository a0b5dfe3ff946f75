/** The base: rows of the groups on disk as of their newest flushed checkpoints, and the head of each. Forms: LMDB (lmdb-base.ts), simulated. */
import type { Done } from '../world.js';

/** A row of a space. Rows of a group live under a space, a number of 0 to 2^48 - 1; a new generation of it is a new space. */
export interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What commits together with rows: where a group stands with them. Opaque here. */
export interface Head {
  readonly group: string;
  readonly bytes: Buffer;
}

/** Bases of this machine. */
export interface Bases {
  /**
   * Opens the base in a folder, which is made when it is missing. What it shows from then on outlives a power cut. One at a time per folder.
   * Fails with StorageError FORMAT or ROT when it cannot be used.
   */
  open(folder: string, done: Done<Base | null>): void;
  /** Reads all of it, not open, without harm to this process: false when a row is damaged, or when reading it ends a process. */
  inspect(folder: string, done: Done<boolean>): void;
  /** What stands there, not open, is kept under another name, if there is anything: `done` gets it. The next opening begins anew. */
  setAside(folder: string, done: Done<string | null>): void;
}

/** An open base. Reads are synchronous and show flushed rows only. */
export interface Base {
  /** Newest flushed head of each group. */
  heads(): ReadonlyMap<string, Buffer>;
  /** Spaces that had rows at opening, ascending: what no head knows can be dropped. */
  spaces(): readonly number[];
  /** The value of a row. @throws StorageError ROT when it is not what was written */
  get(space: number, key: Buffer): Buffer | undefined;
  /** Rows of a space behind `after` (null: all) as they are now, whatever is written meanwhile. While it is open, the disk space of what is written over is not used again. */
  read(space: number, after: Buffer | null): RowReader;
  /** A new transaction. Several may be open; they commit in the order of their commits. */
  begin(): BaseWrite;
  /** Drops all rows of a space, bit by bit: a power cut may leave some, which show in `spaces`. Nothing may write to it meanwhile. */
  drop(space: number, done: Done): void;
  /** A write waits because the disk is full. It goes on by itself once there is room. */
  readonly full: boolean;
  /** Size on disk, bytes, as last known. Dropped rows make room inside it; it never shrinks. */
  bytes(): number;
  /**
   * Waits for what is under way, then closes. A write that waits for a full disk is given up: its `done` gets ENOSPC. Readers that are
   * still open end.
   */
  close(done: () => void): void;
}

/** Walks over rows, ascending by the bytes of their keys. To be closed exactly once, also after the end and after an error. */
export interface RowReader {
  /** The next rows, up to the one that reaches `bytes_max` bytes of keys and values; none at the end. @throws StorageError ROT */
  next(bytes_max: number): Row[];
  close(): void;
}

/**
 * Bytes of rows from which on a transaction should be committed. It is held in memory until it is over: once as packed, and once or twice as
 * pages; rows that lie far apart take a page each.
 */
export const TRANSACTION_BYTES = 16 << 20;

/** One transaction: all of its rows and the head, or nothing. */
export interface BaseWrite {
  /** Rows as RowPacker packs them (packed-rows.ts). Their ArrayBuffer is handed over: the caller must not touch it again. */
  add(space: number, packed: Buffer): void;
  /**
   * `done` comes when a power cut can no longer undo it and reads show it. After an error it is unknown whether it happened, and the base
   * takes no more writes: the process has to end.
   */
  commit(head: Head | null, done: Done): void;
  /** Forgets it, unless it is on its way already. */
  abandon(): void;
}
