/** Clients of a simulated cluster: pipelines of commands and reads, some given up, some cut short, all of them recorded. */
import type { Node } from '../../node/node.js';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { type Asking, Calls } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import type { QueueInput } from './history/queue-facts.js';
import { BrokenPromise } from './promise.js';
import type { Dice, Swarm } from './swarm.js';

/** Mean time between two commands of all clients together, ms. */
const EVERY_MS = 22;
/** Calls of one client under way; beyond it it waits. */
const IN_FLIGHT_MAX = 64;
/** A call allows itself from the first to the second, ms. */
const TIMEOUT_MS_MIN = 300;
const TIMEOUT_MS_MAX = 6000;
/** A client that does not get a connection tries for so long, ms. */
const CONNECT_MS = 3000;
/** So long a patient call waits, ms: longer than anything that is wrong. It has to end well. */
const PATIENT_MS = 400_000;
/** After it stood still a client needs a moment to look at its clock, ms. */
const LOOK_AT_CLOCK_MS = 5;
/** How often a client is killed, of all its bursts. */
const KILLED = 0.002;
/** How often a new client stands still with its first command under way. */
const STALLS = 0.2;
/** How often it asks a leader to hand over. */
const TRANSFERS = 0.005;

/** As a client asks when all is well. */
const CALMLY = { patient: false, giveUp_ms: Number.POSITIVE_INFINITY, node: '' };

export class Workload {
  readonly calls: Calls;
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
    this.calls = new Calls(cluster);
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
      const ended = await this.calls.call(client, { ...CALMLY, input: this.#enqueue(), timeout_ms });
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
    for (;;) {
      let empty = false;
      const ended = await this.calls.call(client, { ...CALMLY, input: { op: 'dequeue' }, timeout_ms }, (output) => {
        empty = output === null;
      });
      if (ended !== 'ok') throw new BrokenPromise(`a healed cluster answers ${ended}`);
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
    if (this.#dice.happens(STALLS)) await this.#stall(client, name, ttl_ms);
    while (!this.#stopped && this.#living.has(name)) {
      await this.#pause(2 * this.#dice.chance() * EVERY_MS * clients * burst);
      if (process.paused) continue;
      for (let i = 0; i < burst && (this.#living.get(name) ?? 0) < IN_FLIGHT_MAX; i++) this.#ask(client, name);
      if (this.#dice.happens(TRANSFERS)) this.#transfer(client, name);
      if (this.#dice.happens(KILLED)) this.#kill(name);
    }
  }

  // Its session may be over before any group but `c` has heard of it; what it asks again then must not begin a new life for it.
  async #stall(client: Cluster, name: string, ttl_ms: number): Promise<void> {
    const dice = this.#dice;
    const { network, time } = this.#cluster;
    const process = this.#cluster.processOf(name);
    this.#ask(client, name, { ...CALMLY, input: this.#enqueue(), timeout_ms: PATIENT_MS, patient: true });
    await this.#pause(dice.between(1, 100));
    for (const id of this.#swarm.ids) network.reset(name, id);
    process.pause();
    time.add(dice.between(ttl_ms / 2, 4 * ttl_ms), () => process.resume(), null);
  }

  #ask(client: Cluster, name: string, asking = this.#draw()): void {
    this.#underWay(name, 1);
    this.calls.call(client, asking).then(
      () => this.#underWay(name, -1),
      (error) => {
        this.#failure ??= error;
      },
    );
  }

  async #connect(name: string, ttl_ms: number): Promise<Cluster | null> {
    while (!this.#stopped) {
      try {
        return await this.#cluster.client(name, { timeout_ms: CONNECT_MS, ttl_ms });
      } catch (error) {
        if (!(error instanceof ConcordError)) throw error;
      }
    }
    return null;
  }

  #transfer(client: Cluster, name: string): void {
    const dice = this.#dice;
    const [group, to] = [dice.one(['c', 's0']), dice.one(['', ...this.#swarm.ids])];
    this.#cluster.note(`${client.clientId} asks the leader of ${group} to hand over to ${to || 'anyone'}`);
    this.#cluster.count('hand-over asked for');
    this.#underWay(name, 1);
    const ended = () => this.#underWay(name, -1);
    // Whether it came to anything shows in the trace.
    client.admin('transfer', { group, to }, { timeout_ms: TIMEOUT_MS_MAX }).then(ended, ended);
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
    const giveUp_ms = !patient && dice.happens(0.08) ? dice.below(300) : Number.POSITIVE_INFINITY;
    const named = dice.one(['', ...this.#swarm.ids]);
    const node = !patient && dice.happens(0.1) ? named : '';
    const how = { timeout_ms, patient, giveUp_ms, node };
    if (what < 0.4) return { ...how, input: this.#enqueue() };
    if (what < 0.6) return { ...how, input: { op: 'dequeue' } };
    const wait_ms = dice.below(dice.one([500, 2000, 2 * this.#swarm.ttl_ms]));
    if (waits) return { ...how, input: { op: 'dequeue', wait_ms } };
    return { ...how, input: { op: 'size' }, node: patient ? '' : named };
  }

  #enqueue(): QueueInput {
    const filling = this.#dice.below(this.#swarm.body_bytes + 1);
    return { op: 'enqueue', body: `m${this.#bodies++}`.padEnd(filling, '.') };
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

  #underWay(name: string, by: 1 | -1): void {
    const calls = this.#living.get(name);
    if (calls !== undefined) this.#living.set(name, calls + by);
  }
}
