/** A simulated TCP: delays, links that let nothing through for a while, resets, and ends that die with their process. */
import type { Listener, Network, Random, Socket, SocketHandlers } from '../../protocol/env.js';
import type { Process, SimulatedTime } from './time.js';

/** Bytes under way above which `write` asks to wait. */
const HIGH_WATER_BYTES = 64 << 10;

interface Host {
  readonly process: Process;
  readonly accept: (socket: Socket) => SocketHandlers;
}

/** The network of a simulated world. */
export class SimulatedNetwork {
  /** One-way delay of a segment: from `min` to `min + spread`, ms. */
  delay_ms = { min: 0.1, spread: 0.4 };
  readonly #time: SimulatedTime;
  readonly #random: Random;
  readonly #hosts = new Map<string, Host>();
  readonly #connections = new Set<Connection>();
  readonly #blocked = new Set<string>();
  #ports = 50_000;

  constructor(time: SimulatedTime, random: Random) {
    this.#time = time;
    this.#random = random;
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
    this.#blocked.add(`${from}>${to}`);
  }

  /** Everything gets through again, what has waited first. */
  heal(): void {
    this.#blocked.clear();
    for (const connection of this.#connections) connection.release();
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(`${from}>${to}`);
  }

  /** Breaks every connection between two processes. */
  reset(a: string, b: string): void {
    for (const connection of [...this.#connections])
      if (connection.joins(a, b)) connection.break(new Error('connection reset'));
  }

  /** A process has died: its port is free, the other ends see a reset. */
  died(process: Process): void {
    for (const [address, host] of this.#hosts) if (host.process === process) this.#hosts.delete(address);
    for (const connection of [...this.#connections])
      if (connection.has(process)) connection.break(new Error('connection reset'));
  }

  delay(): number {
    return this.delay_ms.min + (this.#random.uint32() / 0x1_0000_0000) * this.delay_ms.spread;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  get time(): SimulatedTime {
    return this.#time;
  }

  #connect(process: Process, address: string, handlers: SocketHandlers): Socket {
    const connection = new Connection(this, process, address, this.#ports++);
    connection.near.handlers = handlers;
    this.#connections.add(connection);
    this.#time.add(this.delay(), () => this.#arrive(connection, address), null);
    return connection.near;
  }

  #arrive(connection: Connection, address: string): void {
    const host = this.#hosts.get(address);
    if (connection.over || connection.near.destroyed) return;
    if (host === undefined) {
      connection.break(new Error(`connect ECONNREFUSED ${address}`));
      return;
    }
    const { near, far } = connection;
    far.process = host.process;
    host.process.run(() => {
      if (connection.over) return;
      far.handlers = host.accept(far);
      // What was written before the connection was up may be here already.
      near.deliver();
    });
    this.#time.add(this.delay(), () => near.opened(), null);
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

/** Two ends and what is under way between them. */
class Connection {
  readonly near: End;
  readonly far: End;
  readonly #network: SimulatedNetwork;
  over = false;

  constructor(network: SimulatedNetwork, process: Process, address: string, port: number) {
    this.#network = network;
    this.near = new End(network, this, process, address);
    this.far = new End(network, this, null, `${process.name}:${port}`);
    this.near.other = this.far;
    this.far.other = this.near;
  }

  has(process: Process): boolean {
    return this.near.process === process || this.far.process === process;
  }

  joins(a: string, b: string): boolean {
    const names = [this.near.process?.name, this.far.process?.name];
    return names.includes(a) && names.includes(b);
  }

  release(): void {
    this.near.deliver();
    this.far.deliver();
  }

  /** Both ends are gone, as far as their processes live to see it. */
  break(error: Error | null): void {
    if (this.over) return;
    this.over = true;
    this.#network.forget(this);
    this.near.closed(error);
    this.far.closed(error);
  }
}

class End implements Socket {
  readonly remote: string;
  readonly #network: SimulatedNetwork;
  readonly #connection: Connection;
  process: Process | null;
  handlers: SocketHandlers | null = null;
  other: End | null = null;
  /** Its process wants to hear no more of it. */
  destroyed = false;
  #queue: { readonly bytes: Buffer | null; readonly at: number }[] = [];
  #queued = 0;
  #lastAt = 0;
  #paused = false;
  #full = false;
  #ended = false;

  constructor(network: SimulatedNetwork, connection: Connection, process: Process | null, remote: string) {
    this.#network = network;
    this.#connection = connection;
    this.process = process;
    this.remote = remote;
  }

  buffered(): number {
    return this.#queued;
  }

  write(data: Buffer): boolean {
    if (this.#ended || this.destroyed || this.#connection.over) return false;
    this.#send(data);
    this.#full ||= this.#queued > HIGH_WATER_BYTES;
    return !this.#full;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#network.time.add(0, () => this.other?.deliver(), null);
  }

  end(): void {
    if (this.#ended || this.destroyed || this.#connection.over) return;
    this.#ended = true;
    this.#send(null);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#network.time.add(0, () => this.#connection.break(null), null);
  }

  opened(): void {
    if (!this.#connection.over) this.process?.run(() => this.handlers?.open());
  }

  closed(error: Error | null): void {
    const { handlers } = this;
    this.process?.run(() => handlers?.close(error));
  }

  /** Hands over what has arrived by now and is let through; whoever takes it may stop taking in between. */
  deliver(): void {
    const { other } = this;
    if (other === null || this.#connection.over) return;
    if (this.#network.isBlocked(this.process?.name ?? '', other.process?.name ?? '')) return;
    while (!other.#paused && !other.destroyed && other.handlers !== null && !this.#connection.over) {
      const first = this.#queue[0];
      if (first === undefined || first.at > this.#network.time.now()) break;
      this.#queue.shift();
      this.#queued -= first.bytes?.length ?? 0;
      const { bytes } = first;
      if (bytes === null) this.#connection.break(null);
      else other.process?.run(() => other.#take(bytes));
    }
    if (this.#full && this.#queued <= HIGH_WATER_BYTES / 2) {
      this.#full = false;
      this.process?.run(() => this.handlers?.drain());
    }
  }

  /** Bytes that the process had not read when it destroyed its end are lost. */
  #take(bytes: Buffer): void {
    if (!this.destroyed) this.handlers?.data(bytes);
  }

  #send(bytes: Buffer | null): void {
    const now = this.#network.time.now();
    this.#lastAt = Math.max(this.#lastAt, now + this.#network.delay());
    this.#queue.push({ bytes, at: this.#lastAt });
    this.#queued += bytes?.length ?? 0;
    this.#network.time.add(this.#lastAt - now, () => this.deliver(), null);
  }
}
