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
import { type Compare, comparePairs, compareStrings, type Table } from './table.js';
import type { Tables } from './tables.js';

/** A waiting command and its fence. */
export interface FencedWait extends Fence {
  readonly session: number;
  readonly lane: number;
}

type Key = readonly [lock: string, token: number, session: number, lane: number];

const compareKeys: Compare<Key> = (a, b) => compareStrings(a[0], b[0]) || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];

/** The fenced commands of a group that were answered PENDING and have no outcome. As bounded as these are. */
export class FencedWaits {
  private readonly byFence: Table<Key, true>;
  /** (session, lane) -> [lock, token]. */
  private readonly byCommand: Table<readonly [number, number], readonly [string, number]>;

  constructor(tables: Tables) {
    this.byFence = tables.open('fences.waits.by-fence', compareKeys);
    this.byCommand = tables.open('fences.waits.by-command', comparePairs);
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
