/** An outside world for tests of the client library: simulated time and network, and hosts that can be stopped, cut off and killed. */
import type { Env, Network, Random, Scheduler } from '../../protocol/env.js';
import { SimulatedNetwork } from '../simulation/network.js';
import { type Process, SimulatedTime, seededRandom } from '../simulation/time.js';

/** The world. Everything in it happens in order of virtual time, the same way each time. */
export class FakeWorld implements Env {
  /** Of the client, and of tests that want to happen in its time. */
  readonly scheduler: Scheduler;
  /** As the client sees it; whoever listens is a host of its own. */
  readonly network: Network;
  readonly random: Random;
  readonly #time = new SimulatedTime();
  readonly #client: Process;
  readonly #network: SimulatedNetwork;
  readonly #hosts = new Map<string, Process>();

  constructor(seed = 1) {
    const client = this.#time.process('client', true);
    this.random = seededRandom(seed);
    this.#client = client;
    this.#network = new SimulatedNetwork(this.#time, seededRandom(seed));
    this.latency_ms = 1;
    this.scheduler = {
      now: () => client.now(),
      after: (delay_ms, task) => client.after(delay_ms, task),
      defer: (task) => client.defer(task),
    };
    this.network = {
      connect: (address, handlers) => this.#network.of(client).connect(address, handlers),
      listen: (address, accept, done) => this.#network.of(this.#host(address)).listen(address, accept, done),
    };
  }

  /** Time that anything takes from one end of a connection to the other, ms. */
  get latency_ms(): number {
    return this.#network.delay_ms.min;
  }

  set latency_ms(ms: number) {
    this.#network.delay_ms = { min: ms, spread: 0 };
  }

  /** An integer of 0 to `below` - 1. */
  pick(below: number): number {
    return this.random.uint32() % below;
  }

  /** Lets things happen until `condition` holds. Throws when it does not within `limit_ms` of virtual time. */
  async until(condition: () => boolean, limit_ms = 60_000): Promise<void> {
    const end_ms = this.#time.now() + limit_ms;
    await settled();
    while (!condition()) {
      if (!this.#step(end_ms)) throw new Error(`not within ${limit_ms} ms: ${condition.toString()}`);
      await settled();
    }
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    const end_ms = this.#time.now() + ms;
    await settled();
    while (this.#step(end_ms)) await settled();
  }

  /** Lets things happen until `promise` is settled, and gives what it came to. */
  async result<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const mark = () => {
      done = true;
    };
    promise.then(mark, mark);
    await this.until(() => done);
    return await promise;
  }

  /** As `result`, for a promise that is expected to be rejected. */
  async failure<E>(promise: Promise<unknown>): Promise<E> {
    try {
      await this.result(promise);
    } catch (error) {
      return error as E;
    }
    throw new Error('expected a rejection');
  }

  /** Stops the process of the client, as SIGSTOP does. */
  sleep(): void {
    this.#client.pause();
  }

  /** It goes on: with timers that are late, then with all that has arrived meanwhile. */
  wake(): void {
    this.#client.resume();
  }

  /** Stops the process behind `address`, as SIGSTOP does: its connections stay open and silent. */
  stop(address: string): void {
    this.#hosts.get(address)?.pause();
  }

  /** It goes on, and finds all that has arrived meanwhile. */
  go(address: string): void {
    this.#hosts.get(address)?.resume();
  }

  /** Breaks every connection to `address`. */
  cut(address: string): void {
    this.#time.add(0, () => this.#network.reset(address, this.#client.name), null);
  }

  /** Ends the process behind `address`. */
  kill(address: string): void {
    const host = this.#hosts.get(address);
    if (host === undefined) return;
    this.#hosts.delete(address);
    host.kill();
    this.#network.died(host);
  }

  #host(address: string): Process {
    const host = this.#hosts.get(address) ?? this.#time.process(address, true);
    this.#hosts.set(address, host);
    return host;
  }

  /** Lets everything of the next instant happen; false when there is nothing before `end_ms`. */
  #step(end_ms: number): boolean {
    if (!this.#time.step(end_ms)) return false;
    while (this.#time.step(this.#time.now()));
    return true;
  }
}

/** After the continuations of all promises that are settled have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
