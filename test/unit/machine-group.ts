/** The group `c` of a fake cluster with the real state machine behind it: sessions, lanes, locks and semaphores as nodes apply them. */
import { commandEntry, expireEntry, tickEntry } from '../../node/services/entry.js';
import { coordinationMachine } from '../../node/services/group-machine.js';
import type { Outcome as Applied } from '../../node/services/machine.js';
import { decode, encode } from '../../protocol/codec.js';
import type { Scheduler } from '../../protocol/env.js';
import { type Envelope, encodeEnvelope } from '../../protocol/envelope.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';
import { FakeGroup, type Outcome } from './fake-group.js';

/** The group. Cluster time is that of the world. */
export class MachineGroup extends FakeGroup {
  readonly #machine = coordinationMachine().machine;
  readonly #scheduler: Scheduler;
  #tickAt_ms = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler) {
    super('c');
    this.#scheduler = scheduler;
  }

  override apply(command: Envelope): Outcome {
    const outcome = this.#enter(commandEntry(encodeEnvelope(command)));
    if (command.session === 0 && outcome !== 'pending' && outcome.ok)
      this.sessions.set(decode(outcome.result) as number, 'client');
    return outcome;
  }

  override end(session: number): void {
    this.#enter(expireEntry([session]));
  }

  /** Waits run out by ticks. */
  override timeOut(): void {}

  /** Answers a read. */
  read<N extends OperationName>(name: N, argument: ArgumentOf<N>): unknown {
    const outcome = this.#machine.read(OPERATIONS[name].number, encode(argument));
    if (outcome.form !== 'result') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    return decode(outcome.bytes);
  }

  #enter(entry: Buffer): Outcome {
    const { outcome, settled, ended } = this.#machine.applyEntry(entry, {
      index: ++this.index,
      term: this.term,
      time: Math.floor(this.#scheduler.now()),
    });
    for (const session of ended) this.sessions.delete(session);
    for (const one of settled) this.settle(one.session, one.lane, told(one.outcome));
    this.#tick();
    return outcome === undefined ? { ok: true, result: encode(null) } : told(outcome);
  }

  #tick(): void {
    const due_ms = this.#machine.deadline();
    if (due_ms >= this.#tickAt_ms) return;
    this.#tickAt_ms = due_ms;
    this.#scheduler.after(Math.max(1, Math.ceil(due_ms - this.#scheduler.now())), () => {
      if (this.#tickAt_ms !== due_ms) return;
      this.#tickAt_ms = Number.POSITIVE_INFINITY;
      this.#enter(tickEntry());
    });
  }
}

function told(outcome: Applied): Outcome {
  switch (outcome.form) {
    case 'result':
      return { ok: true, result: Buffer.from(outcome.bytes) };
    case 'refusal':
      return { ok: false, result: encode([outcome.code, outcome.message, outcome.details]) };
    case 'pending':
      return 'pending';
  }
}
