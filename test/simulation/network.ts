/** A simulated network: who listens where, who reaches whom, and what befalls what travels (connection.ts has the connections themselves). */
import type { Listener, Network, Random, Socket, SocketHandlers } from '../../protocol/env.js';
import { Connection } from './connection.js';
import type { Process, SimulatedTime } from './time.js';

/** A connect that gets no answer is tried again after this, then after twice as long, and so on, ms. */
const SYN_RETRY_MS = 1000;

interface Host {
  readonly process: Process;
  readonly accept: (socket: Socket) => SocketHandlers;
}

/** What befalls frames between members, each by chance: a probability from 0 to 1. */
export interface FrameFaults {
  readonly lose: number;
  readonly duplicate: number;
  readonly reorder: number;
}

/** The network of a simulated world. */
export class SimulatedNetwork {
  /** One-way delay of a segment: from `min` to `min + spread`, ms. */
  delay_ms = { min: 0.1, spread: 0.4 };
  /** How often what is written arrives in two pieces, from 0 to 1. */
  split = 0;
  /**
   * What befalls frames on connections between `members`, past the first of either direction: links between nodes promise no more than
   * datagrams would. Elsewhere, and where it is null, a connection brings everything in order, as TCP does.
   */
  frameFaults: FrameFaults | null = null;
  readonly members = new Set<string>();
  /** Sees every frame between members as it is sent. */
  tap: ((from: string, to: string, body: Buffer) => void) | null = null;
  /** Counts a fault as it happens. */
  count: (fault: string) => void = () => {};
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly #hosts = new Map<string, Host>();
  /** Whose machine an address is, since someone first listened there. */
  readonly #machines = new Map<string, string>();
  readonly #connections = new Set<Connection>();
  readonly #blocked = new Set<string>();
  /** Bytes a millisecond, by direction. */
  readonly #clogged = new Map<string, number>();
  /** Processes whose machines have no power. */
  readonly #dark = new Set<string>();
  #ports = 50_000;

  constructor(time: SimulatedTime, random: Random) {
    this.time = time;
    this.random = random;
  }

  /** The network as one process sees it. */
  of(process: Process): Network {
    return {
      connect: (address, handlers) => this.#connect(process, address, handlers),
      listen: (address, accept, done) => this.#listen(process, address, accept, done),
    };
  }

  /** From now on nothing that `from` sends reaches `to`; connections stay and what is sent waits. */
  block(from: string, to: string): void {
    this.#blocked.add(direction(from, to));
  }

  /** What `from` sends reaches `to` again, what has waited first. */
  unblock(from: string, to: string): void {
    this.#blocked.delete(direction(from, to));
    for (const connection of this.#connections) if (connection.joins(from, to)) connection.release();
  }

  /** Everything gets through again, at full speed. */
  heal(): void {
    this.#blocked.clear();
    this.#clogged.clear();
    for (const connection of this.#connections) connection.release();
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(direction(from, to));
  }

  /** From now on so few bytes a millisecond get from `from` to `to`; Infinity ends it. */
  clog(from: string, to: string, bytes_per_ms: number): void {
    this.#clogged.set(direction(from, to), bytes_per_ms);
  }

  /** Time that so many bytes take besides their delay, ms. */
  transmission(from: string, to: string, bytes: number): number {
    if (this.#clogged.size === 0) return 0;
    return bytes / (this.#clogged.get(direction(from, to)) ?? Number.POSITIVE_INFINITY);
  }

  /** Breaks every connection between two processes. */
  reset(a: string, b: string): void {
    for (const connection of [...this.#connections]) if (connection.joins(a, b)) connection.reset();
  }

  /** Breaks every connection between two processes as `a` sees it; `b` sees nothing, as long as what `a` sends is blocked. */
  drop(a: string, b: string): void {
    for (const connection of [...this.#connections]) if (connection.joins(a, b)) connection.drop(a);
  }

  /** Breaks every connection between two processes in the middle of what is on its way, or else of what is sent next. */
  cut(a: string, b: string): void {
    for (const connection of [...this.#connections]) if (connection.joins(a, b)) connection.cut();
  }

  /** A process has died: its port is free, the other ends are told by a reset. */
  died(process: Process): void {
    this.#leave(process, (connection) => connection.abandon(process, true));
  }

  /** A machine lost its power: its port is silent, and nobody is told. */
  lostPower(process: Process): void {
    this.#dark.add(process.name);
    this.#leave(process, (connection) => connection.abandon(process, false));
  }

  /** The machine has power again: it answers what belongs to no connection of its own with a reset. */
  poweredOn(name: string): void {
    if (!this.#dark.delete(name)) return;
    for (const connection of [...this.#connections]) connection.disown(name);
  }

  isDark(name: string): boolean {
    return this.#dark.has(name);
  }

  delay(): number {
    return this.delay_ms.min + this.chance() * this.delay_ms.spread;
  }

  /** A random number from 0 to 1. */
  chance(): number {
    return this.random.uint32() / 0x1_0000_0000;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #leave(process: Process, end: (connection: Connection) => void): void {
    for (const [address, host] of this.#hosts) if (host.process === process) this.#hosts.delete(address);
    for (const connection of [...this.#connections]) end(connection);
  }

  #connect(process: Process, address: string, handlers: SocketHandlers): Socket {
    const connection = new Connection(this, process, address, this.#ports++);
    connection.near.handlers = handlers;
    this.#connections.add(connection);
    this.time.add(this.delay(), () => this.#arrive(connection, address, SYN_RETRY_MS), null);
    return connection.near;
  }

  #arrive(connection: Connection, address: string, retry_ms: number): void {
    const { near, far } = connection;
    if (near.gone || near.destroyed) {
      far.abandon(false);
      return;
    }
    const from = near.process?.name ?? '';
    const machine = this.#machines.get(address) ?? '';
    if (this.#dark.has(machine) || this.isBlocked(from, machine) || this.isBlocked(machine, from)) {
      this.time.add(retry_ms, () => this.#arrive(connection, address, retry_ms * 2), null);
      return;
    }
    const host = this.#hosts.get(address);
    if (host === undefined) {
      near.shut(new Error(`connect ECONNREFUSED ${address}`));
      far.abandon(false);
      return;
    }
    far.process = host.process;
    host.process.run(() => {
      if (far.gone) return;
      far.handlers = host.accept(far);
      // What was written before the connection was up may be here already.
      near.deliver();
    });
    this.time.add(this.delay(), () => near.opened(), null);
  }

  #listen(
    process: Process,
    wanted: string,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: Error | null, listener: Listener | null) => void,
  ): void {
    const address = wanted.replace(/:0$/, () => `:${this.#ports++}`);
    const taken = this.#hosts.has(address);
    const host: Host = { process, accept };
    if (!taken) this.#hosts.set(address, host);
    this.#machines.set(address, process.name);
    const close = (closed: () => void) => {
      if (this.#hosts.get(address) === host) this.#hosts.delete(address);
      process.defer(closed);
    };
    process.defer(() => {
      if (taken) done(Object.assign(new Error(`${address} is taken`), { code: 'EADDRINUSE' }), null);
      else done(null, { address, close });
    });
  }
}

function direction(from: string, to: string): string {
  return `${from}>${to}`;
}
