/** Virtual time for a whole cluster: one queue of events, and for every process a clock of its own that dies, stands or runs with it. */
import type { Random, Scheduler, Timer } from '../../protocol/env.js';

/** What wakes a process: a timer of its own, or something from outside. */
type Kind = 'timer' | 'input';

/** A process's clock against true time: `offset` ms at its beginning, then `rate` ms a millisecond. */
export interface Clock {
  readonly rate: number;
  readonly offset: number;
}

/** Faster than any clock of a process, ms a millisecond, with something to spare: the contract allows them to be wrong by 5 %. */
export const FASTEST_CLOCK = 1.06;

const TRUE_CLOCK: Clock = { rate: 1, offset: 0 };

interface Event {
  readonly due: number;
  readonly order: number;
  task: (() => void) | null;
  readonly process: Process | null;
  readonly kind: Kind;
}

/** A process as time sees it: killed, its events vanish; paused, they wait. */
export class Process implements Scheduler {
  readonly name: string;
  /** It uses promises, whose reactions have to run before time goes on. */
  readonly promises: boolean;
  readonly #time: SimulatedTime;
  /** How fast its clock runs and what it showed at first: no two need agree. */
  readonly #clock: Clock;
  alive = true;
  paused = false;
  /** How often it was made to stand still. */
  pauses = 0;
  /** True time at which it last went on after that. */
  resumedAt = Number.NEGATIVE_INFINITY;
  #waiting: { readonly task: () => void; readonly kind: Kind; readonly source: object | null }[] = [];

  constructor(time: SimulatedTime, name: string, promises: boolean, clock: Clock) {
    this.#time = time;
    this.name = name;
    this.promises = promises;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.offset + this.#time.now() * this.#clock.rate;
  }

  after(delay_ms: number, task: () => void): Timer {
    return this.#time.add(delay_ms / this.#clock.rate, task, this, 'timer');
  }

  defer(task: () => void): void {
    this.#time.add(0, task, this);
  }

  kill(): void {
    this.alive = false;
    this.#waiting = [];
  }

  pause(): void {
    this.paused = true;
    this.pauses++;
  }

  /** What came due meanwhile happens now: expired timers before the input that waits, as an event loop has it after a stall. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.resumedAt = this.#time.now();
    const waiting = this.#waiting.splice(0);
    // Sockets are read one after the other, in no order that anyone could rely on.
    const sources: (object | null)[] = [...new Set(waiting.map(({ source }) => source))];
    if (this.pauses % 2 === 0) sources.reverse();
    for (const { task, kind } of waiting) if (kind === 'timer') this.defer(task);
    for (const socket of sources)
      for (const { task, kind, source } of waiting) if (kind === 'input' && source === socket) this.defer(task);
  }

  /** Runs a task now, keeps it for later, or drops it. What comes from one `source` stays in order. */
  run(task: () => void, kind: Kind = 'input', source: object | null = null): void {
    if (!this.alive) return;
    if (this.paused) {
      this.#waiting.push({ task, kind, source });
      return;
    }
    this.#time.promised ||= this.promises;
    if (!this.#time.ran.includes(this)) this.#time.ran.push(this);
    task();
  }
}

/** The queue of everything that is going to happen. Same seed, same order. */
export class SimulatedTime {
  #now = 0;
  #order = 0;
  readonly #heap: Event[] = [];
  /** Events that have happened. */
  events = 0;
  /** Something ran that may have settled promises. */
  promised = false;
  /** Processes that have run since whoever looks on emptied it. */
  readonly ran: Process[] = [];

  now(): number {
    return this.#now;
  }

  process(name: string, promises = false, clock = TRUE_CLOCK): Process {
    return new Process(this, name, promises, clock);
  }

  /** `process` null: something that happens to the world, whoever lives. */
  add(delay_ms: number, task: () => void, process: Process | null, kind: Kind = 'input'): Timer {
    const event: Event = { due: this.#now + Math.max(0, delay_ms), order: this.#order++, task, process, kind };
    this.#push(event);
    return {
      cancel() {
        event.task = null;
      },
    };
  }

  /** Lets the next event happen; false when there is none before `until`. */
  step(until: number): boolean {
    for (let first = this.#heap[0]; first !== undefined && first.due <= until; first = this.#heap[0]) {
      this.#pop();
      const { task, process, kind } = first;
      if (task === null) continue;
      this.#now = Math.max(this.#now, first.due);
      this.events++;
      if (process === null) task();
      else process.run(task, kind);
      return true;
    }
    this.#now = Math.max(this.#now, until);
    return false;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, left)) child++;
      const smaller = heap[child];
      if (smaller === undefined || !before(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
  }
}

/** Reproducible randomness from one seed (splitmix32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    },
  };
}

function before(a: Event, b: Event): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
