/** A replica built anew from what was committed: its state has to be that of the others, and every message has to have come to one caller. */
import { decodeEntry } from '../../node/services/entry.js';
import { coordinationMachine, type GroupMachine, shardMachine } from '../../node/services/group-machine.js';
import type { Outcome, Position } from '../../node/services/machine.js';
import { decode, encode } from '../../protocol/codec.js';
import { COORDINATION } from '../../protocol/groups.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { BrokenPromise } from './promise.js';

/** An entry as it was committed. */
export interface CommittedEntry {
  readonly entry: Buffer;
  readonly at: Position;
}

/** Kinds below it are the core's. */
const FIRST_APPLICATION_KIND = 16;
const ENQUEUE = OPERATIONS['queue.enqueue'].number;
const DEQUEUE = OPERATIONS['queue.dequeue'].number;
const SIZE = OPERATIONS['queue.size'].number;

/** The fingerprint of a group that applies `entries`. @throws BrokenPromise when a message went to nobody or to two, or an ended session lives on */
export function replay(group: string, entries: readonly CommittedEntry[]): string {
  const machine = group === COORDINATION ? coordinationMachine().machine : shardMachine(group);
  const enqueued = new Set<number>();
  /** Who was told of a message. */
  const taken = new Map<number, string>();
  const take = (outcome: Outcome | undefined, caller: string) => {
    const message: unknown = outcome?.form === 'result' ? decode(outcome.bytes) : null;
    if (!Array.isArray(message)) return;
    const id = Number(message[0]);
    const other = taken.get(id) ?? caller;
    if (other !== caller) throw new BrokenPromise(`${group}: message ${id} comes to ${other} and to ${caller}`);
    taken.set(id, caller);
  };
  const over = new Set<number>();
  for (const { entry, at } of entries) {
    if ((entry[0] ?? 0) < FIRST_APPLICATION_KIND) continue;
    const { session, lane, outcome, settled, ended } = machine.applyEntry(entry, at);
    if (over.has(session) && outcome?.form !== 'refusal')
      throw new BrokenPromise(`${group}: entry ${at.index} serves session ${session}, which has ended`);
    for (const one of ended) over.add(one);
    const operation = operationOf(entry);
    if (operation === ENQUEUE && outcome?.form === 'result') enqueued.add(Number(decode(outcome.bytes)));
    if (operation === DEQUEUE) take(outcome, `${session}/${lane}`);
    for (const { session: waiting, lane: since, outcome: late } of settled) take(late, `${waiting}/${since}`);
  }
  if (group !== COORDINATION && enqueued.size - taken.size !== sizeOf(machine))
    throw new BrokenPromise(
      `${group}: of ${enqueued.size} messages ${taken.size} came to someone, ${sizeOf(machine)} are left`,
    );
  return machine.fingerprint();
}

function operationOf(entry: Buffer): number {
  const decoded = decodeEntry(entry);
  return decoded !== undefined && 'envelope' in decoded ? decoded.envelope.operation : 0;
}

function sizeOf(machine: GroupMachine): number {
  const size = machine.read(SIZE, encode([]));
  return size.form === 'result' ? Number(decode(size.bytes)) : Number.NaN;
}
