/** TCP in memory, for tests of what runs over it: two ends, bytes in order, a buffer that fills when the other end does not read. */
import type { Listener, Network, Scheduler, Socket, SocketHandlers } from '../../protocol/env.js';

/** Bytes under way above which `write` asks to wait. */
const HIGH_WATER_BYTES = 16_384;

type Accept = (socket: Socket) => SocketHandlers;

class End implements Socket {
  readonly remote: string;
  handlers: SocketHandlers | null = null;
  other: End | null = null;
  paused = false;
  destroyed = false;
  closed = false;
  private readonly scheduler: Scheduler;
  private queue: Buffer[] = [];
  private waiting = 0;
  private full = false;
  private ending = false;

  constructor(scheduler: Scheduler, remote: string) {
    this.scheduler = scheduler;
    this.remote = remote;
  }

  buffered(): number {
    return this.waiting;
  }

  write(data: Buffer): boolean {
    if (this.destroyed || this.ending) return false;
    this.queue.push(data);
    this.waiting += data.length;
    this.scheduler.defer(() => this.pump());
    this.full ||= this.waiting > HIGH_WATER_BYTES;
    return !this.full;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.scheduler.defer(() => this.other?.pump());
  }

  end(): void {
    this.ending = true;
    this.scheduler.defer(() => this.pump());
  }

  destroy(error: Error | null = null): void {
    this.destroyed = true;
    this.scheduler.defer(() => {
      this.shut(error);
      this.other?.shut(null);
    });
  }

  shut(error: Error | null): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.close(error);
  }

  /** Moves what was written to the other end. */
  pump(): void {
    const { other } = this;
    if (other === null || this.destroyed) return;
    while (!other.paused && !other.destroyed) {
      const chunk = this.queue.shift();
      if (chunk === undefined) break;
      this.waiting -= chunk.length;
      other.handlers?.data(Buffer.from(chunk));
    }
    if (this.queue.length > 0) return;
    if (this.full) {
      this.full = false;
      this.handlers?.drain();
    }
    if (this.ending && !other.paused) this.destroy();
  }
}

/** A network that reaches only what listens on it. */
export class MemoryNetwork implements Network {
  private readonly scheduler: Scheduler;
  private readonly listeners = new Map<string, Accept>();
  private ports = 1000;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  connect(address: string, handlers: SocketHandlers): Socket {
    const near = new End(this.scheduler, address);
    near.handlers = handlers;
    this.scheduler.defer(() => {
      const accept = this.listeners.get(address);
      if (accept === undefined || near.destroyed) {
        near.shut(new Error(`nobody listens on ${address}`));
        return;
      }
      const far = new End(this.scheduler, `client:${this.ports++}`);
      near.other = far;
      far.other = near;
      far.handlers = accept(far);
      handlers.open();
    });
    return near;
  }

  listen(address: string, accept: Accept, done: (error: Error | null, listener: Listener | null) => void): void {
    const bound = address.endsWith(':0') ? address.replace(/0$/, String(this.ports++)) : address;
    const taken = this.listeners.has(bound);
    if (!taken) this.listeners.set(bound, accept);
    const close = (closed: () => void) => {
      this.listeners.delete(bound);
      this.scheduler.defer(closed);
    };
    this.scheduler.defer(() => {
      if (taken) done(Object.assign(new Error(`${bound} is taken`), { code: 'EADDRINUSE' }), null);
      else done(null, { address: bound, close });
    });
  }
}
