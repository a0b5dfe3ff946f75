/** Clients of a simulated cluster: pipelines of commands and reads, some given up, some cut short, all of them recorded. */
import type { Node } from '../../node/node.js';
import { decodeEntry } from '../../node/services/entry.js';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { Recorder } from './history/history.js';
import type { QueueInput, QueueOutput } from './history/queue-facts.js';
import { BrokenPromise } from './promise.js';
import type { Dice, Swarm } from './swarm.js';

/** The one queue there is. */
const QUEUE = 'default';
/** Mean time between two commands of all clients together, ms. */
const EVERY_MS = 22;
/** Calls of one client under way; beyond it it waits. */
const IN_FLIGHT_MAX = 64;
/** A call allows itself from the first to the second, ms. */
const TIMEOUT_MS_MIN = 300;
const TIMEOUT_MS_MAX = 6000;
/** A client that does not get a connection tries for so long, ms. */
const CONNECT_MS = 3000;
/** Later than its time-out, by the slowest clock, no call may end, ms. */
const LATE_MS = 60;
const SLOWEST_CLOCK = 0.95;
/** So long a patient call waits, ms: longer than anything that is wrong. It has to end well. */
const PATIENT_MS = 400_000;
/** After it stood still a client needs a moment to look at its clock, ms. */
const LOOK_AT_CLOCK_MS = 5;
/** What a call may end in although it was patient: the session is gone, or the disk is full. */
const NO_PATIENCE_HELPS: ReadonlySet<string> = new Set(['ok', 'SESSION_EXPIRED', 'NO_SPACE']);
/** What a client may be told that did nothing wrong. */
const FAIR: ReadonlySet<string> = new Set([
  'NO_LEADER',
  'NOT_LEADER',
  'STOPPING',
  'OVERLOADED',
  'NO_SPACE',
  'RETRY',
  'DEADLINE',
  'TIMEOUT',
  'UNREACHABLE',
  'CANCELLED',
  'SESSION_EXPIRED',
]);
/** How often a client is killed, of all its bursts. */
const KILLED = 0.002;
/** How often it asks a leader to hand over. */
const TRANSFERS = 0.005;

/** What is asked of a queue, and how. */
interface Asking {
  readonly input: QueueInput;
  readonly timeout_ms: number;
  /** Given up after this, ms; Infinity: not. */
  readonly patience_ms: number;
  /** The node to ask, or ''. */
  readonly node: string;
}

export class Workload {
  readonly recorder = new Recorder<QueueInput, QueueOutput>();
  /** Calls that succeeded. */
  succeeded = 0;
  /** Codes that calls ended in, and how often. */
  readonly endings = new Map<string, number>();
  readonly #cluster: SimulatedCluster;
  readonly #swarm: Swarm;
  readonly #dice: Dice;
  /** Calls under way, by client. A client that is killed takes its own with it. */
  readonly #living = new Map<string, number>();
  readonly #connected = new Map<string, Cluster>();
  /** Index of `c` at which sessions were last looked at. */
  #lookedAt = 0;
  #names = 0;
  #bodies = 0;
  #stopped = false;
  #failure: Error | null = null;

  constructor(cluster: SimulatedCluster, swarm: Swarm, dice: Dice) {
    this.#cluster = cluster;
    this.#swarm = swarm;
    this.#dice = dice;
    cluster.looked = (node) => this.#look(node);
  }

  /** Names of the clients that live. */
  get clients(): readonly string[] {
    return [...this.#living.keys()];
  }

  /** Calls that have not ended. @throws what broke a promise meanwhile */
  get underWay(): number {
    if (this.#failure !== null) throw this.#failure;
    return [...this.#living.values()].reduce((sum, calls) => sum + calls, 0);
  }

  start(): void {
    for (let i = 0; i < this.#swarm.clients; i++) this.#spawn(false);
  }

  /** No new commands. */
  stop(): void {
    this.#stopped = true;
  }

  /** A command of a new client, to be answered well at last. */
  async serve(timeout_ms: number): Promise<void> {
    const { time } = this.#cluster;
    const end = time.now() + timeout_ms;
    const name = this.#newName();
    const client = await this.#cluster.client(name, { timeout_ms });
    for (;;) {
      const asking = { input: this.#enqueue(), timeout_ms, patience_ms: Number.POSITIVE_INFINITY, node: '' };
      const ended = await this.#call(client, name, asking);
      if (ended === 'ok') break;
      // A node finds out only after a while that its disk has room again.
      if (ended !== 'NO_SPACE' || time.now() > end) throw new BrokenPromise(`a healed quorum answers ${ended}`);
      await this.#pause(100);
    }
    await client.close();
  }

  /** Takes everything out of the queue. */
  async drain(timeout_ms: number): Promise<void> {
    const name = this.#newName();
    const client = await this.#cluster.client(name, { timeout_ms });
    const asking = { input: { op: 'dequeue' }, timeout_ms, patience_ms: Number.POSITIVE_INFINITY, node: '' } as const;
    for (;;) {
      const before = this.succeeded;
      let empty = false;
      const ended = await this.#call(client, name, asking, (output) => {
        empty = output === null;
      });
      if (ended !== 'ok') throw new BrokenPromise(`a healed cluster answers ${ended}`);
      this.succeeded = before;
      if (empty) break;
    }
    await client.close();
  }

  #newName(): string {
    return `w${this.#names++}`;
  }

  // In the middle of a run it may take a client several attempts to find a node that answers.
  #spawn(again: boolean): void {
    const name = this.#newName();
    this.#living.set(name, 0);
    void this.#live(name).catch((error) => {
      this.#failure ??= error;
    });
    if (again) this.#cluster.note(`${name} takes the place of the one that is gone`);
  }

  async #live(name: string): Promise<void> {
    const { burst, clients, ttl_ms } = this.#swarm;
    const client = await this.#connect(name, ttl_ms);
    if (client === null) return;
    this.#connected.set(name, client);
    const process = this.#cluster.processOf(name);
    while (!this.#stopped && this.#living.has(name)) {
      await this.#pause(2 * this.#dice.chance() * EVERY_MS * clients * burst);
      if (process.paused) continue;
      for (let i = 0; i < burst && (this.#living.get(name) ?? 0) < IN_FLIGHT_MAX; i++)
        this.#call(client, name, this.#draw()).catch((error) => {
          this.#failure ??= error;
        });
      if (this.#dice.happens(TRANSFERS)) this.#transfer(client);
      if (this.#dice.happens(KILLED)) this.#kill(name);
    }
  }

  async #connect(name: string, ttl_ms: number): Promise<Cluster | null> {
    while (!this.#stopped) {
      try {
        return await this.#cluster.client(name, { timeout_ms: CONNECT_MS, ttl_ms });
      } catch (error) {
        if (!(error instanceof ConcordError)) throw error;
        this.#count(error.code);
      }
    }
    return null;
  }

  #transfer(client: Cluster): void {
    const dice = this.#dice;
    const [group, to] = [dice.one(['c', 's0']), dice.one(['', ...this.#swarm.ids])];
    this.#cluster.note(`${client.clientId} asks the leader of ${group} to hand over to ${to || 'anyone'}`);
    this.#cluster.count('hand-over asked for');
    // Whether it came to anything shows in the trace.
    client.admin('transfer', { group, to }, { timeout_ms: TIMEOUT_MS_MAX }).catch(() => {});
  }

  // Its calls never end: nobody knows what became of them.
  #kill(name: string): void {
    this.#living.delete(name);
    this.#connected.delete(name);
    this.#cluster.killClient(name);
    this.#cluster.count('client killed');
    this.#spawn(true);
  }

  #draw(): Asking {
    const dice = this.#dice;
    const what = dice.chance();
    // Of those that wait in the queue many have to be told in the end, whatever happens meanwhile.
    const waits = what >= 0.6 && what < 0.7;
    const patient = dice.happens(waits ? 0.4 : 0.05);
    const timeout_ms = patient ? PATIENT_MS : Math.round(dice.between(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX));
    const patience_ms = !patient && dice.happens(0.08) ? dice.below(300) : Number.POSITIVE_INFINITY;
    const named = dice.one(['', ...this.#swarm.ids]);
    const node = !patient && dice.happens(0.1) ? named : '';
    if (what < 0.4) return { input: this.#enqueue(), timeout_ms, patience_ms, node };
    if (what < 0.6) return { input: { op: 'dequeue' }, timeout_ms, patience_ms, node };
    const wait_ms = dice.below(dice.one([500, 2000, 2 * this.#swarm.ttl_ms]));
    if (waits) return { input: { op: 'dequeue', wait_ms }, timeout_ms, patience_ms, node };
    return { input: { op: 'size' }, timeout_ms, patience_ms, node: patient ? '' : named };
  }

  #enqueue(): QueueInput {
    const filling = this.#dice.below(this.#swarm.body_bytes + 1);
    return { op: 'enqueue', body: `m${this.#bodies++}`.padEnd(filling, '.') };
  }

  /** The code that the call ended in, or 'ok'. */
  async #call(client: Cluster, name: string, asking: Asking, got: (output: QueueOutput) => void = () => {}) {
    const { time } = this.#cluster;
    const { input } = asking;
    const process = this.#cluster.processOf(name);
    const stoodStill = process.pauses;
    const session = client.session.id;
    const handle = this.recorder.call(name, QUEUE, input, time.now());
    const started = time.now();
    const what = input.op === 'enqueue' ? `enqueue ${input.body.replace(/\.+$/, '')}` : input.op;
    this.#cluster.note(`${name} ${handle} ${what}`);
    this.#underWay(name, 1);
    let ended = 'ok';
    try {
      const output = await this.#ask(client, asking);
      this.recorder.ok(handle, output, time.now());
      this.succeeded++;
      got(output);
      this.#cluster.note(`${name} ${handle} ${what} -> ${JSON.stringify(output).replace(/\.+/, '')}`);
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      if (error.definite) this.recorder.refused(handle, time.now());
      else this.recorder.unknown(handle);
      ended = error.code;
      this.#cluster.note(`${name} ${handle} ${what} -> ${error.code}${error.definite ? '' : ', may have happened'}`);
    }
    this.#underWay(name, -1);
    this.#count(ended);
    if (ended !== 'ok' && !FAIR.has(ended)) throw new BrokenPromise(`${name} is told ${ended} for ${what}`);
    if (asking.timeout_ms === PATIENT_MS && !NO_PATIENCE_HELPS.has(ended))
      throw new BrokenPromise(`${name} ${what} was patient and ended in ${ended}`);
    if (ended === 'SESSION_EXPIRED' && session > 0 && !this.#isEnding(session))
      throw new BrokenPromise(`${name} is told that session ${session} has ended, and nobody ended it`);
    const late = time.now() - started - timeOf(asking) / SLOWEST_CLOCK;
    if (late > LATE_MS && process.pauses === stoodStill)
      throw new BrokenPromise(`Never silence: ${name} ${what} ended ${late.toFixed(0)} ms after its time`);
    return ended;
  }

  async #ask(client: Cluster, { input, timeout_ms, patience_ms, node }: Asking): Promise<QueueOutput> {
    const queue = client.queue();
    const options = {
      timeout_ms,
      ...(node !== '' && { node }),
      ...(patience_ms < Number.POSITIVE_INFINITY && { signal: this.#giveUpAfter(patience_ms) }),
    };
    switch (input.op) {
      case 'enqueue':
        return queue.enqueue(input.body, options);
      case 'dequeue': {
        const message = await queue.dequeue({ ...options, wait_ms: input.wait_ms ?? 0 });
        return message === undefined ? null : { id: message.id, body: String(message.body) };
      }
      case 'size':
        return queue.size(options);
    }
  }

  #giveUpAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#cluster.time.add(ms, () => controller.abort(), this.#cluster.tester);
    return controller.signal;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cluster.time.add(ms, resolve, this.#cluster.tester);
    });
  }

  // A session ends no earlier than its client can know.
  #look(node: Node): void {
    const { coordination, sessions } = node.groups;
    if (coordination.applied <= this.#lookedAt) return;
    this.#lookedAt = coordination.applied;
    for (const [name, client] of this.#connected) {
      const { id, state } = client.session;
      const process = this.#cluster.processOf(name);
      const awake = !process.paused && this.#cluster.time.now() > process.resumedAt + LOOK_AT_CLOCK_MS;
      if (awake && state === 'open' && id <= coordination.applied && !sessions.alive(id))
        throw new BrokenPromise(`session ${id} has ended while ${name} was sure of it`);
    }
  }

  /** Some entry ends the session; whoever has it may say so, committed or not: a client that believes it keeps it alive no longer. */
  #isEnding(session: number): boolean {
    for (const entry of this.#cluster.judge.seen('c')) {
      const decoded = decodeEntry(entry);
      if (decoded?.kind === 'expire' && decoded.sessions.includes(session)) return true;
    }
    return false;
  }

  #underWay(name: string, by: 1 | -1): void {
    const calls = this.#living.get(name);
    if (calls !== undefined) this.#living.set(name, calls + by);
  }

  #count(ending: string): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}

// A call that waits is allowed its time-out besides.
function timeOf({ input, timeout_ms }: Asking): number {
  return input.op === 'dequeue' ? timeout_ms + (input.wait_ms ?? 0) : timeout_ms;
}
