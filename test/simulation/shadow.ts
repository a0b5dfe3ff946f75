/** A replica built anew from what was committed: its state has to be that of the others, and nothing on the way there may break a promise. */
import { decodeEntry } from '../../node/services/entry.js';
import {
  type Applied,
  coordinationMachine,
  type GroupMachine,
  shardMachine,
} from '../../node/services/group-machine.js';
import type { Outcome, Position } from '../../node/services/machine.js';
import { Tables } from '../../node/services/tables.js';
import { decode, encode } from '../../protocol/codec.js';
import { COORDINATION } from '../../protocol/groups.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { FenceWatch } from './fence-watch.js';
import { LockWatch } from './lock-watch.js';
import { BrokenPromise } from './promise.js';
import { Rebirth } from './rebirth.js';
import { SemaphoreWatch } from './semaphore-watch.js';

/** An entry as it was committed. */
export interface CommittedEntry {
  readonly entry: Buffer;
  readonly at: Position;
}

type Look = (entry: Buffer, at: Position, applied: Applied) => void;

/** Kinds below it are the core's. */
const FIRST_APPLICATION_KIND = 16;
const ENQUEUE = OPERATIONS['queue.enqueue'].number;
const DEQUEUE = OPERATIONS['queue.dequeue'].number;
const SIZE = OPERATIONS['queue.size'].number;

/** The fingerprint of a group that applies `entries`. @throws BrokenPromise when something on the way must not have been */
export function replay(group: string, entries: readonly CommittedEntry[]): string {
  const tables = new Tables();
  const fences = new FenceWatch();
  const over = new Set<number>();
  let machine: GroupMachine;
  let look: Look;
  let end = () => {};
  if (group === COORDINATION) {
    const coordination = coordinationMachine(tables);
    const { sessions } = coordination;
    machine = coordination.machine;
    const locks = new LockWatch(tables, machine, sessions);
    const semaphores = new SemaphoreWatch(tables, machine, sessions);
    look = (entry, at, applied) => {
      locks.applied(at, applied);
      semaphores.applied(entry, at, applied);
    };
  } else {
    machine = shardMachine(group, tables);
    const messages = new MessageWatch(machine);
    look = messages.applied;
    end = () => messages.end();
  }
  const rebirth = new Rebirth(machine, () => {
    return group === COORDINATION ? coordinationMachine().machine : shardMachine(group);
  });
  for (const { entry, at } of entries) {
    if ((entry[0] ?? 0) < FIRST_APPLICATION_KIND) continue;
    const applied = machine.applyEntry(entry, at);
    try {
      look(entry, at, applied);
      fences.applied(entry, applied);
      rebirth.applied(entry, at);
      const { session, outcome, ended } = applied;
      if (over.has(session) && outcome?.form !== 'refusal')
        throw new BrokenPromise(`session ${session} is served, which has ended`);
      for (const one of ended) over.add(one);
    } catch (error) {
      if (error instanceof BrokenPromise) error.message = `${error.message} (${group}, entry ${at.index})`;
      throw error;
    }
  }
  end();
  return machine.fingerprint();
}

/** Every message comes to one caller, or is still there. */
class MessageWatch {
  readonly #machine: GroupMachine;
  readonly #enqueued = new Set<number>();
  /** Who was told of a message. */
  readonly #taken = new Map<number, string>();

  constructor(machine: GroupMachine) {
    this.#machine = machine;
  }

  readonly applied = (entry: Buffer, _at: Position, { session, lane, outcome, settled }: Applied): void => {
    const operation = operationOf(entry);
    if (operation === ENQUEUE && outcome?.form === 'result') this.#enqueued.add(Number(decode(outcome.bytes)));
    if (operation === DEQUEUE) this.#take(outcome, `${session}/${lane}`);
    for (const { session: waiting, lane: since, outcome: late } of settled) this.#take(late, `${waiting}/${since}`);
  };

  /** @throws BrokenPromise */
  end(): void {
    const size = this.#machine.read(SIZE, encode([]));
    const left = size.form === 'result' ? Number(decode(size.bytes)) : Number.NaN;
    const [enqueued, taken] = [this.#enqueued.size, this.#taken.size];
    if (enqueued - taken !== left)
      throw new BrokenPromise(`of ${enqueued} messages ${taken} came to someone, ${left} are left`);
  }

  #take(outcome: Outcome | undefined, caller: string): void {
    const message: unknown = outcome?.form === 'result' ? decode(outcome.bytes) : null;
    if (!Array.isArray(message)) return;
    const id = Number(message[0]);
    const other = this.#taken.get(id) ?? caller;
    if (other !== caller) throw new BrokenPromise(`message ${id} comes to ${other} and to ${caller}`);
    this.#taken.set(id, caller);
  }
}

function operationOf(entry: Buffer): number {
  const decoded = decodeEntry(entry);
  return decoded !== undefined && 'envelope' in decoded ? decoded.envelope.operation : 0;
}
