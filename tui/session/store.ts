/**
 * The one store of the screen. It lives outside React: sockets and keys change it at any time, the screen is told at once of
 * what a person did and at most ten times a second of everything else.
 */
import type { Timer } from '../../protocol/env.js';

/** Shortest time between two notices of new data, ms. */
export const DATA_MS_MIN = 100;

/** Time as the screen knows it. */
export interface ScreenClock {
  /** Monotonic milliseconds: every age is a difference of these. */
  now(): number;
  /** Milliseconds since 1970, for the time of day only. */
  wall(): number;
  after(delay_ms: number, task: () => void): Timer;
}

/** When an action happened. */
export interface Stamp {
  readonly at: number;
  readonly wall: number;
}

/** A store of one state, changed by actions through a pure reducer. */
export class Store<State, Action> {
  private state: State;
  private readonly reduce: (state: State, action: Action, stamp: Stamp) => State;
  private readonly clock: ScreenClock;
  private readonly listeners = new Set<() => void>();
  private timer: Timer | null = null;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(initial: State, reduce: (state: State, action: Action, stamp: Stamp) => State, clock: ScreenClock) {
    this.state = initial;
    this.reduce = reduce;
    this.clock = clock;
  }

  /** The state as it is now. */
  readonly get = (): State => this.state;

  /** Calls back after changes. Returns the way to stop. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Applies an action. `now` tells the listeners at once (keys, replies), `soon` with the next batch (data). */
  dispatch(action: Action, when: 'now' | 'soon' = 'now'): void {
    const next = this.reduce(this.state, action, { at: this.clock.now(), wall: this.clock.wall() });
    if (next === this.state) return;
    this.state = next;
    if (when === 'now') this.tell();
    else this.tellSoon();
  }

  /** Ends all notices. */
  close(): void {
    this.timer?.cancel();
    this.timer = null;
    this.listeners.clear();
  }

  private tellSoon(): void {
    if (this.timer !== null) return;
    const delay = Math.max(0, this.toldAt + DATA_MS_MIN - this.clock.now());
    this.timer = this.clock.after(delay, () => this.tell());
  }

  private tell(): void {
    this.timer?.cancel();
    this.timer = null;
    this.toldAt = this.clock.now();
    for (const listener of this.listeners) listener();
  }
}
