/**
 * Fenced commands that wait: which of them a newer token overtakes.
 *
 * To look at the token of a dequeue when it takes its place in line is not enough. What it takes, it takes at the end of its wait; if
 * a later holder of the lock has been here by then, it would take from under that holder's eyes: one that counts the messages, adds
 * one and relies on it would lose it to a predecessor that may be dead. So a waiting command is refused in the very entry in which a
 * greater token of its lock is seen, before the command that brought it is done. A rise of the floor refuses none: there is nobody
 * yet whom they could harm.
 */
import type { Fence } from '../../protocol/fence.js';
import { text, tuple, u53 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { pairKey, tupleKey } from './keys.js';
import { plainRow } from './stored-table.js';
import { type Index, makeIndex, type Table } from './table.js';
import type { Tables } from './tables.js';

/** A waiting command and its fence. */
export interface FencedWait extends Fence {
  readonly session: number;
  readonly lane: number;
}

type Key = readonly [lock: string, token: number, session: number, lane: number];

const waitKey = tupleKey('string', 'number', 'number', 'number');
const FENCE = tuple(text(LIMITS.name_length_max), u53);

/** The fenced commands of a group that were answered PENDING and have no outcome. As bounded as these are. */
export class FencedWaits {
  /** (session, lane) -> [lock, token]. */
  private readonly byCommand: Table<readonly [number, number], readonly [string, number]>;
  /** Told from that. */
  private readonly byFence: Index<Key, true> = makeIndex(waitKey.compare);

  constructor(tables: Tables) {
    this.byCommand = tables.open('fences.waits', pairKey, plainRow(FENCE));
  }

  /** The commands were read back. */
  restored(): void {
    for (const [command, fence] of this.byCommand.scan()) this.byFence.put([...fence, ...command], true);
  }

  /** A fenced command took its place in a line. */
  add({ lock, token, session, lane }: FencedWait): void {
    this.byFence.put([lock, token, session, lane], true);
    this.byCommand.put([session, lane], [lock, token]);
  }

  /** The commands with a lesser token of the same lock, those with the least first. */
  overtaken(by: Fence): FencedWait[] {
    if (this.byFence.size === 0) return [];
    const rows = this.byFence.scan([by.lock, 0, 0, 0], [by.lock, by.token, 0, 0]);
    return [...rows].map(([[lock, token, session, lane]]) => ({ lock, token, session, lane }));
  }

  /** A command has its outcome. */
  remove(session: number, lane: number): void {
    if (this.byCommand.size === 0) return;
    const fence = this.byCommand.get([session, lane]);
    if (fence === undefined) return;
    this.byFence.delete([...fence, session, lane]);
    this.byCommand.delete([session, lane]);
  }

  /** All commands of a session are gone. */
  endSession(session: number): void {
    for (const [[, lane]] of this.byCommand.scan([session, 0], [session + 1, 0])) this.remove(session, lane);
  }
}
