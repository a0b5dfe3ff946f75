/** Clients of a simulated cluster, whatever they do there: they come, do things at random times, stand still, are killed and replaced. */
import type { Node } from '../../node/node.js';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { Calls } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import { BrokenPromise } from './promise.js';
import type { Dice, Swarm } from './swarm.js';

/** What clients do. */
export interface Work {
  readonly calls: Calls;
  /** Things that one client does at a time; beyond it it waits. */
  readonly atOnce_max: number;
  /** A client does something. Resolves when it is done. @throws BrokenPromise */
  act(client: Cluster): Promise<unknown>;
  /** A client does something with patience: it is going to stand still in the middle of it. */
  actPatiently(client: Cluster): Promise<unknown>;
  /** The process of a connected client has done something, or it is gone. */
  moved?(client: Cluster): void;
  killed?(client: Cluster): void;
  /** The code in which one ordinary command ends. */
  serve(client: Cluster, timeout_ms: number): Promise<string>;
  /** Nothing is left in the cluster of what was done to it. @throws BrokenPromise */
  drain(client: Cluster, timeout_ms: number): Promise<void>;
  /** All that was asked and told makes sense. @throws BrokenPromise */
  check(): void;
}

/** Mean time between two commands of all clients together, ms. */
const EVERY_MS = 22;
/** A client that does not get a connection tries for so long, ms. */
const CONNECT_MS = 3000;
/** Time allowed for asking a leader to hand over, ms. */
const TRANSFER_MS = 6000;
/** After it stood still a client needs a moment to look at its clock, ms. */
const LOOK_AT_CLOCK_MS = 5;
/** How often a client is killed, of all its bursts. */
const KILLED = 0.002;
/** How often a new client stands still with its first command under way. */
const STALLS = 0.2;
/** How often it asks a leader to hand over. */
const TRANSFERS = 0.005;

export class Workload {
  readonly #cluster: SimulatedCluster;
  readonly #swarm: Swarm;
  readonly #dice: Dice;
  readonly #work: Work;
  /** Things under way, by client. A client that is killed takes its own with it. */
  readonly #living = new Map<string, number>();
  readonly #connected = new Map<string, Cluster>();
  /** Index of `c` at which sessions were last looked at. */
  #lookedAt = 0;
  #names = 0;
  #stopped = false;
  #failure: Error | null = null;

  constructor(cluster: SimulatedCluster, swarm: Swarm, dice: Dice, work: Work) {
    this.#cluster = cluster;
    this.#swarm = swarm;
    this.#dice = dice;
    this.#work = work;
    cluster.looked = (node) => this.#look(node);
    cluster.clientMoved = (name) => {
      const client = this.#connected.get(name);
      if (client !== undefined) work.moved?.(client);
    };
  }

  /** Names of the clients that live. */
  get clients(): readonly string[] {
    return [...this.#living.keys()];
  }

  /** Things that have not ended. @throws what broke a promise meanwhile */
  get underWay(): number {
    if (this.#failure !== null) throw this.#failure;
    return [...this.#living.values()].reduce((sum, calls) => sum + calls, 0);
  }

  start(): void {
    for (let i = 0; i < this.#swarm.clients; i++) this.#spawn(false);
  }

  /** Nothing new is done. */
  stop(): void {
    this.#stopped = true;
  }

  /** A command of a new client, to be answered well at last. */
  async serve(timeout_ms: number): Promise<void> {
    const { time } = this.#cluster;
    const end = time.now() + timeout_ms;
    const client = await this.#cluster.client(this.#newName(), { timeout_ms });
    for (;;) {
      const ended = await this.#work.serve(client, timeout_ms);
      if (ended === 'ok') break;
      // A node finds out only after a while that its disk has room again.
      if (ended !== 'NO_SPACE' || time.now() > end) throw new BrokenPromise(`a healed quorum answers ${ended}`);
      await this.#pause(100);
    }
    await client.close();
  }

  /** Takes out of the cluster what is left in it. */
  async drain(timeout_ms: number): Promise<void> {
    const client = await this.#cluster.client(this.#newName(), { timeout_ms });
    await this.#work.drain(client, timeout_ms);
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
    const { atOnce_max } = this.#work;
    if (this.#dice.happens(STALLS)) await this.#stall(client, ttl_ms);
    while (!this.#stopped && this.#living.has(name)) {
      await this.#pause(2 * this.#dice.chance() * EVERY_MS * clients * burst);
      if (process.paused) continue;
      for (let i = 0; i < burst && (this.#living.get(name) ?? 0) < atOnce_max; i++)
        this.#keep(name, this.#work.act(client));
      if (this.#dice.happens(TRANSFERS)) this.#transfer(client);
      if (this.#dice.happens(KILLED)) this.#kill(client);
    }
  }

  // Its session may be over before any group but `c` has heard of it; what it asks again then must not begin a new life for it.
  async #stall(client: Cluster, ttl_ms: number): Promise<void> {
    const dice = this.#dice;
    const { network, time } = this.#cluster;
    const name = client.clientId;
    const process = this.#cluster.processOf(name);
    this.#keep(name, this.#work.actPatiently(client));
    await this.#pause(dice.between(1, 100));
    for (const id of this.#swarm.ids) network.reset(name, id);
    process.pause();
    time.add(dice.between(ttl_ms / 2, 4 * ttl_ms), () => process.resume(), null);
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

  #transfer(client: Cluster): void {
    const dice = this.#dice;
    const [group, to] = [dice.one(['c', 's0']), dice.one(['', ...this.#swarm.ids])];
    this.#cluster.note(`${client.clientId} asks the leader of ${group} to hand over to ${to || 'anyone'}`);
    this.#cluster.count('hand-over asked for');
    // Whether it came to anything shows in the trace.
    const asked = client.admin('transfer', { group, to }, { timeout_ms: TRANSFER_MS });
    this.#keep(
      client.clientId,
      asked.catch(() => {}),
    );
  }

  // What it does never ends: nobody knows what became of it.
  #kill(client: Cluster): void {
    const name = client.clientId;
    this.#living.delete(name);
    this.#connected.delete(name);
    this.#work.killed?.(client);
    this.#cluster.killClient(name);
    this.#cluster.count('client killed');
    this.#spawn(true);
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

  /** Counts something as under way until it ends. */
  #keep(name: string, done: Promise<unknown>): void {
    this.#underWay(name, 1);
    done.then(
      () => this.#underWay(name, -1),
      (error) => {
        this.#failure ??= error;
      },
    );
  }

  #underWay(name: string, by: 1 | -1): void {
    const calls = this.#living.get(name);
    if (calls !== undefined) this.#living.set(name, calls + by);
  }
}
