/** What locks are for: things that clients read, change and write back, one after the other if the lock keeps its promise. */
import type { Dice } from './swarm.js';
import type { Process, SimulatedTime } from './time.js';

/** One way to the cell or back, ms: sometimes longer than any lease. */
const NEAR_MS = 20;
const FAR_SHARE = 0.1;

/**
 * A number outside of the cluster, far away from its clients. Whoever adds one to it reads it first. It knows the greatest token that
 * anybody came with, in reads too, and turns away those who come with less, unless it was told to be careless.
 */
export class Cell {
  /** What is in it, and how often somebody has added one. The difference is what was lost. */
  value = 0;
  updates = 0;
  /** How often somebody was turned away. */
  refused = 0;
  readonly #time: SimulatedTime;
  readonly #dice: Dice;
  readonly #far_ms: number;
  readonly #fenced: boolean;
  #seen = 0;

  /** `far_ms`: how long something may be under way at most. */
  constructor(time: SimulatedTime, dice: Dice, far_ms: number, fenced = true) {
    this.#time = time;
    this.#dice = dice;
    this.#far_ms = far_ms;
    this.#fenced = fenced;
  }

  /** Updates that were overwritten by somebody who had not seen them. */
  get lost(): number {
    return this.updates - this.value;
  }

  /** Reads it, and writes one more. False when it was turned away. What was written may arrive later than its client waits. */
  async addOne(process: Process, token: number): Promise<boolean> {
    const value = await this.#ask(process, token, () => this.value);
    if (value === null) return false;
    const written = await this.#ask(process, token, () => {
      this.updates++;
      this.value = value + 1;
      return true;
    });
    return written !== null;
  }

  /** Does something there; null when the token is too old. */
  #ask<T>(process: Process, token: number, act: () => T): Promise<T | null> {
    return new Promise((resolve) => {
      const arrive = () => {
        const tooOld = this.#fenced && token < this.#seen;
        if (tooOld) this.refused++;
        this.#seen = Math.max(this.#seen, token);
        const answer = tooOld ? null : act();
        this.#time.add(this.#delay(), () => resolve(answer), process);
      };
      this.#time.add(this.#delay(), arrive, null);
    });
  }

  #delay(): number {
    const far = this.#dice.happens(FAR_SHARE);
    return this.#dice.between(0.1, far ? this.#far_ms : NEAR_MS);
  }
}
