/** One simulated TCP connection: two ends, what is under way between them, and the ways in which it ends. */

import type { Socket, SocketHandlers } from '../../protocol/env.js';
import { LIMITS } from '../../protocol/limits.js';
import type { FrameFaults, SimulatedNetwork } from './network.js';
import type { Process } from './time.js';

/** Bytes under way above which `write` asks to wait. */
const HIGH_WATER_BYTES = 64 << 10;
/** A frame that is overtaken by others comes up to so much later, ms. */
const OVERTAKEN_MS_MAX = 30;
/** The second copy of a frame may come when much has changed: so often, and up to so much later, ms. */
const COPY_STALE = 0.05;
const STALE_MS_MAX = 4000;
/** Bytes of a frame's length. */
const PREFIX_BYTES = 4;

/** What travels: bytes, the news that no more come, or that the other end is no more. */
interface Packet {
  readonly what: Buffer | 'end' | 'close' | 'reset';
  readonly at: number;
}

/** Two ends and what is under way between them. */
export class Connection {
  readonly near: End;
  readonly far: End;
  readonly #network: SimulatedNetwork;

  constructor(network: SimulatedNetwork, process: Process, address: string, port: number) {
    this.#network = network;
    this.near = new End(network, this, process, address);
    this.far = new End(network, this, null, `${process.name}:${port}`);
    this.near.other = this.far;
    this.far.other = this.near;
  }

  joins(a: string, b: string): boolean {
    const near = this.near.process?.name;
    const far = this.far.process?.name;
    return (near === a && far === b) || (near === b && far === a);
  }

  /** Hands over what has waited for a block to end. */
  release(): void {
    this.near.deliver();
    this.far.deliver();
  }

  /** Both sides see a reset. */
  reset(): void {
    this.near.shut(connectionReset());
    this.far.shut(connectionReset());
  }

  /** The process `name` sees a reset. */
  drop(name: string): void {
    for (const end of [this.near, this.far]) if (end.process?.name === name) end.drop();
  }

  /** Breaks in the middle of something: the next bytes of either side arrive in part, then both sides see a reset. */
  cut(): void {
    this.near.cut();
    this.far.cut();
  }

  /** The process at one end is no more; with `told` the other end hears of it. */
  abandon(process: Process, told: boolean): void {
    for (const end of [this.near, this.far]) if (end.process === process) end.abandon(told);
  }

  /** The machine of one end is back and knows nothing of this connection. */
  disown(name: string): void {
    for (const end of [this.near, this.far]) if (end.process?.name === name && end.gone) end.disown();
  }

  over(): void {
    if (this.near.gone && this.far.gone) this.#network.forget(this);
  }
}

/** One end of a connection, as its process holds it. */
class End implements Socket {
  readonly remote: string;
  readonly #network: SimulatedNetwork;
  readonly #connection: Connection;
  process: Process | null;
  handlers: SocketHandlers | null = null;
  other: End | null = null;
  /** Its process has seen it close, or is no more. */
  gone = false;
  /** Its process wants to hear no more of it. */
  destroyed = false;
  #out: Packet[] = [];
  #queued = 0;
  #lastAt = 0;
  #paused = false;
  #full = false;
  #ended = false;
  #cut = false;
  /** Whoever sends here gets a reset: the machine does not know the connection any more. */
  #unknown = false;
  /** The first frame has been sent: those behind it may be lost. */
  #greeted = false;

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
    if (this.#ended || this.destroyed || this.gone) return false;
    const frames = this.#betweenMembers() ? this.#framesIn(data) : null;
    const { frameFaults } = this.#network;
    if (this.#cut) this.#sendPart(data);
    else if (frames === null || frameFaults === null || !this.#greeted) this.#sendBytes(data);
    else for (const frame of frames) this.#sendFrame(frame, frameFaults);
    this.#greeted = true;
    if (this.#queued > LIMITS.outgoing_bytes_max + data.length)
      throw new Error(`${this.#queued} bytes wait for ${this.remote}`);
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
    if (this.#ended || this.destroyed || this.gone) return;
    this.#ended = true;
    this.#send('end');
  }

  destroy(): void {
    if (this.destroyed || this.gone) return;
    this.destroyed = true;
    this.#out = [];
    this.#queued = 0;
    this.#send('close');
    this.#network.time.add(0, () => this.shut(null), null);
  }

  opened(): void {
    if (!this.gone) this.process?.run(() => this.handlers?.open());
  }

  /** Its process sees it close. */
  shut(error: Error | null): void {
    if (this.gone) return;
    this.gone = true;
    const { handlers } = this;
    this.process?.run(() => handlers?.close(error), 'input', this.#connection);
    this.#connection.over();
  }

  /** Its process is no more. */
  abandon(told: boolean): void {
    if (this.gone) return;
    this.gone = true;
    if (told) this.#send('reset');
    this.#connection.over();
  }

  /** Its process sees a reset; the other side will, when word of it gets through. */
  drop(): void {
    if (this.gone) return;
    this.shut(connectionReset());
    this.#send('reset');
  }

  disown(): void {
    this.#unknown = true;
    this.other?.deliver();
  }

  /** What is on its way now, or else is sent next, arrives in part; then the connection is no more. */
  cut(): void {
    if (this.gone) return;
    const first = this.#out[0];
    if (first === undefined || typeof first.what === 'string') {
      this.#cut = true;
      return;
    }
    this.#out = [];
    this.#queued = 0;
    this.#sendPart(first.what);
  }

  /** Hands over what has arrived by now and is let through; whoever takes it may stop taking in between. */
  deliver(): void {
    const { other } = this;
    if (other === null) return;
    if (this.#network.isBlocked(this.process?.name ?? '', other.process?.name ?? '')) return;
    for (;;) {
      const first = this.#out[0];
      if (first === undefined || first.at > this.#network.time.now()) break;
      if (!other.gone && !other.takes(first.what)) break;
      // A machine without power neither takes nor answers; what is sent to it is sent again until it is back.
      if (other.gone && !other.#unknown && this.#network.isDark(other.process?.name ?? '')) break;
      this.#out.shift();
      if (other.gone) {
        if (other.#unknown && first.what !== 'reset') other.#send('reset');
        continue;
      }
      this.#arrive(other, first.what);
    }
    if (this.#full && this.#queued <= HIGH_WATER_BYTES / 2) {
      this.#full = false;
      if (!this.gone) this.process?.run(() => this.handlers?.drain());
    }
  }

  /** Whether its process would see it now. */
  takes(what: Packet['what']): boolean {
    return this.handlers !== null && (!this.#paused || what === 'close' || what === 'reset');
  }

  #arrive(other: End, what: Packet['what']): void {
    if (what === 'reset') other.shut(connectionReset());
    else if (what === 'close') other.shut(null);
    else if (what === 'end') {
      other.end();
      other.shut(null);
    } else {
      this.#queued -= what.length;
      other.process?.run(() => other.#take(what), 'input', this.#connection);
    }
  }

  /** Bytes that the process had not read when it destroyed its end are lost. */
  #take(bytes: Buffer): void {
    if (!this.destroyed) this.handlers?.data(bytes);
  }

  #betweenMembers(): boolean {
    const { members } = this.#network;
    return members.has(this.process?.name ?? '') && members.has(this.other?.process?.name ?? '');
  }

  #sendBytes(data: Buffer): void {
    const network = this.#network;
    if (network.split === 0 || data.length < 2 || network.chance() >= network.split) {
      this.#send(data);
      return;
    }
    const at = 1 + Math.floor(network.chance() * (data.length - 1));
    this.#send(data.subarray(0, at));
    this.#send(data.subarray(at));
  }

  // A write between members is whole frames; each is shown to whoever looks on.
  #framesIn(data: Buffer): Buffer[] {
    const { tap } = this.#network;
    const frames: Buffer[] = [];
    for (let at = 0; at < data.length; ) {
      const end = at + PREFIX_BYTES + data.readUInt32BE(at);
      tap?.(this.process?.name ?? '', this.other?.process?.name ?? '', data.subarray(at + PREFIX_BYTES, end));
      frames.push(data.subarray(at, end));
      at = end;
    }
    return frames;
  }

  #sendFrame(frame: Buffer, faults: FrameFaults): void {
    const network = this.#network;
    if (network.chance() < faults.lose) {
      network.count('frame lost');
      return;
    }
    const overtaken = network.chance() < faults.reorder;
    if (overtaken) network.count('frame overtaken');
    this.#send(frame, overtaken ? network.chance() * OVERTAKEN_MS_MAX : 0);
    if (network.chance() >= faults.duplicate) return;
    network.count('frame doubled');
    this.#send(frame, network.chance() * (network.chance() < COPY_STALE ? STALE_MS_MAX : OVERTAKEN_MS_MAX));
  }

  #sendPart(data: Buffer): void {
    this.#network.count('connection cut');
    const length = Math.floor(this.#network.chance() * data.length);
    if (length > 0) this.#send(data.subarray(0, length));
    this.#send('reset');
    this.#ended = true;
    this.#network.time.add(this.#network.delay(), () => this.shut(connectionReset()), null);
  }

  // `late_ms`: others may overtake it. Everything else arrives in the order in which it was sent.
  #send(what: Packet['what'], late_ms = 0): void {
    const network = this.#network;
    const now = network.time.now();
    const bytes = typeof what === 'string' ? 0 : what.length;
    const { process, other } = this;
    this.#lastAt =
      Math.max(this.#lastAt, now + network.delay()) +
      network.transmission(process?.name ?? '', other?.process?.name ?? '', bytes);
    const packet: Packet = { what, at: this.#lastAt + late_ms };
    let place = this.#out.length;
    if (late_ms > 0 || (this.#out.at(-1)?.at ?? 0) > packet.at) {
      while (place > 0 && (this.#out[place - 1]?.at ?? 0) > packet.at) place--;
    }
    this.#out.splice(place, 0, packet);
    this.#queued += bytes;
    network.time.add(packet.at - now, () => this.deliver(), null);
  }
}

function connectionReset(): Error {
  return Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
}
