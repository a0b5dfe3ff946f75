/** What the main thread and the one that writes a base say to each other. */
import type { Failure } from './lmdb.js';

/** What the writing thread is started with. */
export interface WriterOptions {
  readonly folder: string;
  /** One word, one of STATE. */
  readonly state: SharedArrayBuffer;
}

/**
 * Whether the writing thread may be ended. A process that exits while it is inside a transaction would wait for it for good, so on exit the
 * main thread says `stop` and waits while it is `stop`: the transaction is taken back, and none begins any more.
 */
export const STATE = { idle: 0, writing: 1, stop: 2, stopped: 3 } as const;

/** Rows as they travel: packed, for one space. */
export interface SpaceRows {
  readonly space: number;
  readonly packed: Uint8Array;
}

/** To the writing thread. */
export type Order =
  | {
      readonly order: 'commit';
      readonly id: number;
      rows: readonly SpaceRows[];
      readonly head: { readonly group: string; readonly bytes: Uint8Array } | null;
    }
  | { readonly order: 'drop'; readonly id: number; readonly space: number }
  | { readonly order: 'close' };

/** From it: an order is over; the disk is full, or no longer. `bytes`: the size of the file. */
export type Report =
  | { readonly report: 'open'; readonly failure: Failure | null; readonly bytes: number }
  | { readonly report: 'over'; readonly id: number; readonly failure: Failure | null; readonly bytes: number }
  | { readonly report: 'full'; readonly full: boolean };
