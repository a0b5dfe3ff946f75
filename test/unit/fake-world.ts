/** An outside world for tests of the client library: virtual time, and a network in memory whose hosts can be stopped and cut off. */
import type { Env, Listener, Network, Random, Scheduler, Socket, SocketHandlers } from '../../protocol/env.js';

interface Event {
  readonly at_ms: number;
  readonly order: number;
  task: (() => void) | undefined;
}

/** One end of a connection. */
class FakeSocket implements Socket {
  readonly remote: string;
  readonly host: Host | undefined;
  readonly #world: FakeWorld;
  other: FakeSocket | undefined;
  handlers: SocketHandlers | undefined;
  closed = false;
  #paused = false;
  #held: Buffer[] = [];

  constructor(world: FakeWorld, remote: string, host: Host | undefined) {
    this.#world = world;
    this.remote = remote;
    this.host = host;
  }

  buffered(): number {
    return 0;
  }

  write(data: Buffer): boolean {
    const { other } = this;
    if (!this.closed && other !== undefined) this.#world.deliver(other.host, () => other.receive(data));
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const data of held) this.#world.scheduler.defer(() => this.receive(data));
  }

  end(): void {
    const { other } = this;
    if (this.closed) return;
    if (other !== undefined) this.#world.deliver(other.host, () => other.shut(null));
    this.#world.deliver(this.host, () => this.shut(null));
  }

  destroy(): void {
    this.end();
  }

  receive(data: Buffer): void {
    if (this.closed) return;
    if (this.#paused) this.#held.push(data);
    else this.handlers?.data(Buffer.from(data));
  }

  /** The connection is gone, as this end sees it. */
  shut(error: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.close(error);
  }
}

/** A listening address. */
class Host {
  readonly sockets = new Set<FakeSocket>();
  readonly accept: (socket: Socket) => SocketHandlers;
  /** Nothing arrives while it is stopped; connections to it can be made all the same. */
  stopped = false;
  held: (() => void)[] = [];

  constructor(accept: (socket: Socket) => SocketHandlers) {
    this.accept = accept;
  }
}

/** The world. Everything in it happens in order of virtual time, the same way each time. */
export class FakeWorld implements Env {
  /** Time that anything takes from one end of a connection to the other, ms. */
  latency_ms = 1;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly random: Random;
  readonly #events: Event[] = [];
  readonly #hosts = new Map<string, Host>();
  #now_ms = 1000;
  #order = 0;

  constructor(seed = 1) {
    let state = seed;
    this.random = {
      uint32: () => {
        state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) | 0;
        const mixed = Math.imul(state ^ (state >>> 13), 0x9e3779b1);
        return (mixed ^ (mixed >>> 16)) >>> 0;
      },
    };
    this.scheduler = {
      now: () => this.#now_ms,
      after: (delay_ms, task) => {
        const event = this.#add(delay_ms, task);
        return {
          cancel() {
            event.task = undefined;
          },
        };
      },
      defer: (task) => {
        this.#add(0, task);
      },
    };
    this.network = {
      connect: (address, handlers) => this.#connect(address, handlers),
      listen: (address, accept, done) => {
        this.#hosts.set(address, new Host(accept));
        const listener: Listener = { address, close: (closed) => closed() };
        done(null, listener);
      },
    };
  }

  /** An integer of 0 to `below` - 1. */
  pick(below: number): number {
    return this.random.uint32() % below;
  }

  /** Lets things happen until `condition` holds. Throws when it does not within `limit_ms` of virtual time. */
  async until(condition: () => boolean, limit_ms = 60_000): Promise<void> {
    const end_ms = this.#now_ms + limit_ms;
    await settled();
    while (!condition()) {
      if (!this.#step(end_ms)) throw new Error(`not within ${limit_ms} ms: ${condition.toString()}`);
      await settled();
    }
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms: number): Promise<void> {
    const end_ms = this.#now_ms + ms;
    await settled();
    while (this.#step(end_ms)) await settled();
    this.#now_ms = end_ms;
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

  /** Stops the process behind `address`, as SIGSTOP does: its connections stay open and silent. */
  stop(address: string): void {
    const host = this.#hosts.get(address);
    if (host !== undefined) host.stopped = true;
  }

  /** It goes on, and finds all that has arrived meanwhile. */
  go(address: string): void {
    const host = this.#hosts.get(address);
    if (host === undefined) return;
    host.stopped = false;
    const held = host.held;
    host.held = [];
    for (const task of held) this.scheduler.defer(task);
  }

  /** Breaks every connection to `address`. */
  cut(address: string): void {
    for (const socket of [...(this.#hosts.get(address)?.sockets ?? [])]) {
      const { other } = socket;
      socket.shut(new Error('connection reset'));
      if (other !== undefined) this.scheduler.defer(() => other.shut(new Error('connection reset')));
    }
  }

  /** Ends the process behind `address`. */
  kill(address: string): void {
    this.cut(address);
    this.#hosts.delete(address);
  }

  /** Calls `task` when something sent now arrives at `host`; undefined is the side of the client. */
  deliver(host: Host | undefined, task: () => void): void {
    this.#add(this.latency_ms, () => {
      if (host?.stopped) host.held.push(task);
      else task();
    });
  }

  #connect(address: string, handlers: SocketHandlers): Socket {
    const socket = new FakeSocket(this, address, undefined);
    socket.handlers = handlers;
    this.#add(this.latency_ms, () => {
      if (socket.closed) return;
      const host = this.#hosts.get(address);
      if (host === undefined) return socket.shut(new Error(`connect ECONNREFUSED ${address}`));
      const far = new FakeSocket(this, 'client:0', host);
      socket.other = far;
      far.other = socket;
      host.sockets.add(far);
      far.handlers = host.accept(far);
      handlers.open();
    });
    return socket;
  }

  #add(delay_ms: number, task: () => void): Event {
    const event: Event = { at_ms: this.#now_ms + Math.max(0, delay_ms), order: this.#order++, task };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#events[middle];
      if (other !== undefined && other.at_ms <= event.at_ms) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return event;
  }

  /** Lets everything of the next instant happen; false when there is nothing before `end_ms`. */
  #step(end_ms: number): boolean {
    const first = this.#events[0];
    if (first === undefined || first.at_ms > end_ms) return false;
    this.#now_ms = Math.max(this.#now_ms, first.at_ms);
    for (let event = this.#events[0]; event !== undefined && event.at_ms <= this.#now_ms; event = this.#events[0]) {
      this.#events.shift();
      event.task?.();
    }
    return true;
  }
}

/** After the continuations of all promises that are settled have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
