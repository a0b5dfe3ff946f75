/**
 * The turn: everything that arrived is stepped as it comes, and once no more input waits, one end of turn lets out what it came to.
 * A timer that fires looks again after two deferrals: after a stall of the loop, expired timers run before the heartbeats that already
 * wait in the sockets.
 */
import type { Scheduler, Timer } from '../protocol/env.js';
import { Durations } from './observe/histogram.js';

/** What a turn drives. */
export interface TurnHandlers {
  /** A deadline has passed, and no input was waiting. */
  tick(now: number): void;
  /** Let out what has come together; returns the next deadline, monotonic ms. */
  end(now: number): number;
}

export class Turn {
  /** From the first thing that happened to the end. */
  readonly lengths = new Durations();
  readonly #scheduler: Scheduler;
  readonly #handlers: TurnHandlers;
  #awake = false;
  /** When the turn under way began, monotonic ms. */
  #since = 0;
  #stopped = false;
  #timer: Timer | null = null;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler, handlers: TurnHandlers) {
    this.#scheduler = scheduler;
    this.#handlers = handlers;
  }

  /** Something happened: a turn will end. Calls before it does are one. */
  wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    this.#since = this.#scheduler.now();
    this.#scheduler.defer(() => this.#end());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #end(): void {
    this.#awake = false;
    if (this.#stopped) return;
    const since = this.#since;
    this.#arm(this.#handlers.end(this.#scheduler.now()));
    this.lengths.recordMs(this.#scheduler.now() - since);
  }

  // Deadlines mostly move later (every heartbeat heard): an early timer that finds nothing due is cheaper than one new timer a turn.
  #arm(deadline: number): void {
    if (this.#timer !== null && this.#armedFor <= deadline) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (deadline === Number.POSITIVE_INFINITY || this.#stopped) return;
    this.#armedFor = deadline;
    this.#timer = this.#scheduler.after(Math.max(0, deadline - this.#scheduler.now()), () => this.#fired());
  }

  #fired(): void {
    this.#timer = null;
    this.#scheduler.defer(() =>
      this.#scheduler.defer(() => {
        if (this.#stopped) return;
        this.#handlers.tick(this.#scheduler.now());
        this.wake();
      }),
    );
  }
}
