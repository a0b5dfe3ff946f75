/**
 * Looks at what reaches the disks: a machine fed with the rows of a checkpoint, as a power cut would leave them, has to be in the very state
 * to which its entries lead, up to the one that the checkpoint names; whether it was told by a node's own machine or came as a snapshot.
 */
import { decodeHead } from '../../node/checkpoint-head.js';
import { coordinationMachine, type GroupMachine, shardMachine } from '../../node/services/group-machine.js';
import type { Head } from '../../node/storage/base.js';
import { StorageError } from '../../node/storage/errors.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import { checkedValue, type State } from './base-state.js';
import { BrokenPromise } from './promise.js';
import type { CommittedEntry } from './shadow.js';

/** Kinds below it are the core's. */
const FIRST_APPLICATION_KIND = 16;
/** Rows that may be fed for each entry that is applied, about: states are small, and checkpoints of them many. */
const ROWS_PER_ENTRY = 4;

/** A group as what was committed makes it, entry by entry. */
interface Shadow {
  readonly machine: GroupMachine;
  applied: number;
  /** Rows that may still be fed. */
  rows: number;
}

export class CheckpointWatch {
  /** Checkpoints that were compared. */
  compared = 0;
  readonly #entries: (group: string, from: number, to: number) => readonly CommittedEntry[];
  readonly #shadows = new Map<string, Shadow>();

  /** `entries`: what is committed in a group behind `from`, up to `to`. */
  constructor(entries: (group: string, from: number, to: number) => readonly CommittedEntry[]) {
    this.#entries = entries;
    for (const group of [COORDINATION, SHARD])
      this.#shadows.set(group, { machine: newMachine(group), applied: 0, rows: 0 });
  }

  /** A head is durable, and these rows with it. @throws BrokenPromise */
  flushed(id: string, { group, bytes }: Head, { spaces }: State): void {
    const shadow = this.#shadows.get(group);
    const head = decodeHead(bytes);
    // Replicas write theirs down in no common order: what comes late cannot be compared.
    if (shadow === undefined || head.index < shadow.applied) return;
    const rows = spaces.get(head.space) ?? [];
    const entries = this.#entries(group, shadow.applied, head.index);
    if (shadow.rows + ROWS_PER_ENTRY * entries.length < rows.length) return;
    this.#advance(shadow, entries, head.index);
    shadow.rows -= rows.length;
    const machine = newMachine(group);
    try {
      for (const row of rows) machine.feed(row.key, checkedValue(head.space, row, id));
    } catch (error) {
      if (error instanceof StorageError) return;
      throw error;
    }
    machine.restored(head.time);
    this.compared++;
    if (machine.fingerprint() !== shadow.machine.fingerprint())
      throw new BrokenPromise(`${id} ${group}: the rows of its checkpoint are not the state as of entry ${head.index}`);
  }

  #advance(shadow: Shadow, entries: readonly CommittedEntry[], index: number): void {
    for (const { entry, at } of entries)
      if ((entry[0] ?? 0) >= FIRST_APPLICATION_KIND) shadow.machine.applyEntry(entry, at);
    shadow.rows += ROWS_PER_ENTRY * entries.length;
    shadow.applied = index;
  }
}

function newMachine(group: string): GroupMachine {
  return group === COORDINATION ? coordinationMachine().machine : shardMachine(group);
}
