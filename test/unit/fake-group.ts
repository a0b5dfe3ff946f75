/** The replicated state of a group in a fake cluster: lanes, sessions, fences, locks and one queue, as every node would apply it. */
import { decode, encode } from '../../protocol/codec.js';
import type { Envelope } from '../../protocol/envelope.js';
import { readFence } from '../../protocol/fence.js';
import { OPERATIONS, operationName } from '../../protocol/operations.js';
import { FakeLockService } from './fake-lock-service.js';

/** What a command came to. */
export type Outcome = { ok: boolean; result: Buffer } | 'pending';

interface LaneState {
  last: number;
  confirmed: number;
  replies: Map<number, Outcome>;
  /** Of pending commands, until confirmed. */
  outcomes: Map<number, Outcome>;
}

const refusal = (code: string): Outcome => ({ ok: false, result: encode([code, `${code} in the fake`, {}]) });
const result = (value: unknown): Outcome => ({ ok: true, result: encode(value) });

/** A group. */
export class FakeGroup {
  readonly name: string;
  term = 0;
  leader = '';
  index = 0;
  readonly lanes = new Map<number, LaneState>();
  readonly sessions = new Map<number, string>();
  /** Bodies enqueued and not dequeued. */
  readonly queue: { id: number; body: Buffer }[] = [];
  /** Values in the order in which they were enqueued. */
  readonly enqueued: unknown[] = [];
  /** [operation name, session, lane] of everything that ran, voids and confirmations too. */
  readonly ran: [string, number, number][] = [];
  /** Their fences, '' where there was none. */
  readonly fences: string[] = [];
  /** Greatest token seen, by lock. */
  readonly seen = new Map<string, number>();
  readonly confirmedOutcomes: number[] = [];
  readonly locks = new FakeLockService(
    () => this.index,
    (session, lane, outcome) => this.#settle({ session, lane }, outcome),
  );
  /** How long the command that was applied last may wait, when that is pending, ms. */
  wait_ms = 0;
  /** A pending command has its outcome. */
  settle: (session: number, lane: number, outcome: Outcome) => void = () => {};
  #waiters: { session: number; lane: number }[] = [];
  #ids = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Applies a command: what a replica does when the entry is committed. */
  apply(command: Envelope): Outcome {
    this.index++;
    const { session, lane: number } = command;
    if (session === 0) {
      const [client] = decode(command.body) as [string, number];
      this.sessions.set(this.index, client);
      return result(this.index);
    }
    const lane = this.#lane(session);
    for (let n = lane.confirmed + 1; n <= command.confirmed; n++) lane.replies.delete(n);
    lane.confirmed = Math.max(lane.confirmed, command.confirmed);
    if (number <= lane.last) return this.#repeat(lane, command);
    if (number > lane.last + 1) return refusal('LANE_GAP');
    if (number > lane.confirmed + 1024) return refusal('WINDOW_FULL');
    lane.last = number;
    const outcome = this.#run(lane, command);
    if (number > lane.confirmed) lane.replies.set(number, outcome);
    if (outcome === 'pending') lane.outcomes.set(number, 'pending');
    return outcome;
  }

  /** The wait of a pending command is over. */
  timeOut(session: number, lane: number): void {
    this.locks.timeOut(session, lane);
    const waiter = this.#waiters.findIndex((one) => one.session === session && one.lane === lane);
    if (waiter >= 0) this.#settle(this.#waiters.splice(waiter, 1)[0], result(null));
  }

  /** Ends a session here. */
  end(session: number): void {
    this.lanes.delete(session);
    this.sessions.delete(session);
    this.locks.end(session);
    this.#waiters = this.#waiters.filter((one) => one.session !== session);
  }

  #lane(session: number): LaneState {
    let lane = this.lanes.get(session);
    if (lane === undefined) {
      lane = { last: 0, confirmed: 0, replies: new Map(), outcomes: new Map() };
      this.lanes.set(session, lane);
    }
    return lane;
  }

  #repeat(lane: LaneState, command: Envelope): Outcome {
    const { session, lane: number } = command;
    const outcome = lane.outcomes.get(number);
    if (outcome === 'pending' && command.operation === OPERATIONS['lane.void'].number) {
      this.#waiters = this.#waiters.filter((one) => one.session !== session || one.lane !== number);
      this.locks.abandon(session, number);
      lane.outcomes.set(number, refusal('VOID'));
    }
    return lane.outcomes.get(number) ?? lane.replies.get(number) ?? refusal('LANE_FORGOTTEN');
  }

  #run(lane: LaneState, command: Envelope): Outcome {
    const name = operationName(command.operation) ?? '';
    this.ran.push([name, command.session, command.lane]);
    this.fences.push(command.fence);
    const fence = readFence(command.fence);
    if (fence !== undefined) {
      if (fence.token < (this.seen.get(fence.lock) ?? 0)) return refusal('FENCED');
      this.seen.set(fence.lock, fence.token);
      if (name === 'queue.size') return result(this.queue.length);
    }
    switch (name) {
      case 'lane.void':
        return refusal('VOID');
      case 'lane.confirm':
        for (const number of (decode(command.body) as [number[]])[0]) {
          if (lane.outcomes.get(number) !== 'pending' && lane.outcomes.delete(number))
            this.confirmedOutcomes.push(number);
        }
        return result(null);
      case 'session.close': {
        const [session] = decode(command.body) as [number];
        this.sessions.delete(session);
        this.locks.end(session);
        return result(true);
      }
      case 'queue.enqueue':
        return this.#enqueue((decode(command.body) as [Buffer])[0]);
      case 'queue.dequeue':
        return this.#dequeue(command);
      default: {
        const ran = this.locks.apply(name, command.session, command.lane, command.body);
        this.wait_ms = ran?.wait_ms ?? 0;
        return ran?.outcome ?? refusal('UNKNOWN_COMMAND');
      }
    }
  }

  #enqueue(body: Buffer): Outcome {
    const id = ++this.#ids;
    this.enqueued.push(decode(body));
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.queue.push({ id, body });
    else this.#settle(waiter, result([id, body]));
    return result(id);
  }

  #dequeue(command: Envelope): Outcome {
    const message = this.queue.shift();
    if (message !== undefined) return result([message.id, message.body]);
    this.wait_ms = (decode(command.body) as [number])[0];
    if (this.wait_ms === 0) return result(null);
    this.#waiters.push({ session: command.session, lane: command.lane });
    return 'pending';
  }

  #settle(waiter: { session: number; lane: number } | undefined, outcome: Outcome): void {
    if (waiter === undefined) return;
    this.lanes.get(waiter.session)?.outcomes.set(waiter.lane, outcome);
    this.settle(waiter.session, waiter.lane, outcome);
  }
}
