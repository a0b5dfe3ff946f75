/** Every deadline of a client in one heap behind a single timer of the scheduler: setting one costs no timer and no closure. */
import type { Scheduler, Timer } from '../env.js';

/** Something that rings once. The two numbers belong to `Alarms`. */
export interface Alarm {
  /** When it rings, in the scheduler's milliseconds. */
  at_ms: number;
  /** Its place in the heap; `UNSET` while it is not set. */
  slot: number;
  ring(): void;
}

/** The slot of an alarm that is not set. */
export const UNSET = -1;

/** An alarm that does one thing each time it rings. */
export class Reminder implements Alarm {
  at_ms = 0;
  slot = UNSET;
  readonly ring: () => void;

  constructor(ring: () => void) {
    this.ring = ring;
  }
}

/** A binary heap of alarms, the earliest on top. Its size is bounded by what its owners bound: calls, links, sessions. */
export class Alarms {
  readonly #scheduler: Scheduler;
  readonly #heap: Alarm[] = [];
  #timer: Timer | undefined;
  #timer_at_ms = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#scheduler.now();
  }

  /** Sets `alarm` to ring `delay_ms` from now, or a moment later; moves it when it is set already. */
  set(alarm: Alarm, delay_ms: number): void {
    if (this.#stopped) return;
    this.clear(alarm);
    // Never at this very instant: a sweep must come to its end even when what rings sets itself again.
    alarm.at_ms = this.#scheduler.now() + Math.max(delay_ms, 0.001);
    alarm.slot = this.#heap.length;
    this.#heap.push(alarm);
    this.#rise(alarm);
    if (alarm.at_ms < this.#timer_at_ms) this.#arm(alarm.at_ms);
  }

  /** Takes `alarm` back; nothing happens when it is not set. */
  clear(alarm: Alarm): void {
    const slot = alarm.slot;
    if (slot === UNSET) return;
    alarm.slot = UNSET;
    const last = this.#heap.pop();
    if (last === undefined || last === alarm) return;
    this.#place(last, slot);
    this.#sink(last);
    this.#rise(last);
    // The timer stays: it may ring for nothing once, which is cheaper than a new timer for every call.
  }

  /** Drops every alarm and takes no more. */
  stop(): void {
    this.#stopped = true;
    for (const alarm of this.#heap) alarm.slot = UNSET;
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #sweep(): void {
    this.#timer = undefined;
    this.#timer_at_ms = Number.POSITIVE_INFINITY;
    const now = this.#scheduler.now();
    try {
      for (let top = this.#heap[0]; top !== undefined && top.at_ms <= now; top = this.#heap[0]) {
        this.clear(top);
        top.ring();
      }
    } finally {
      const top = this.#heap[0];
      if (top !== undefined && top.at_ms < this.#timer_at_ms) this.#arm(top.at_ms);
    }
  }

  #arm(at_ms: number): void {
    this.#timer?.cancel();
    this.#timer_at_ms = at_ms;
    this.#timer = this.#scheduler.after(Math.max(0, at_ms - this.#scheduler.now()), () => this.#sweep());
  }

  #place(alarm: Alarm, slot: number): void {
    this.#heap[slot] = alarm;
    alarm.slot = slot;
  }

  #rise(alarm: Alarm): void {
    let slot = alarm.slot;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const other = this.#heap[above];
      if (other === undefined || other.at_ms <= alarm.at_ms) break;
      this.#place(other, slot);
      slot = above;
    }
    this.#place(alarm, slot);
  }

  #sink(alarm: Alarm): void {
    let slot = alarm.slot;
    for (;;) {
      const left = this.#heap[2 * slot + 1];
      const right = this.#heap[2 * slot + 2];
      const least = right !== undefined && left !== undefined && right.at_ms < left.at_ms ? right : left;
      if (least === undefined || least.at_ms >= alarm.at_ms) break;
      const below = least.slot;
      this.#place(least, slot);
      slot = below;
    }
    this.#place(alarm, slot);
  }
}
