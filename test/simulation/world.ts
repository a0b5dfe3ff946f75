/** A simulated world: time, randomness and a network from one seed; what happened, written down; and a way to let it go on until something is so. */
import type { Random } from '../../protocol/env.js';
import { SimulatedNetwork } from './network.js';
import { BrokenPromise } from './promise.js';
import { SimulatedTime, seededRandom } from './time.js';

/** Longest time that a test waits for a call, ms. */
const RESULT_MS_MAX = 150_000;

export class SimulatedWorld {
  readonly time = new SimulatedTime();
  /** Whoever plays the scenario. */
  readonly tester = this.time.process('tester', true);
  readonly random: Random;
  readonly network: SimulatedNetwork;
  /** One line for every change that matters. */
  readonly trace: string[] = [];
  /** How often which fault was met. */
  readonly faults = new Map<string, number>();

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.network = new SimulatedNetwork(this.time, this.random);
    this.network.count = (fault) => this.count(fault);
  }

  /** An integer of 0 to `below` - 1. */
  pick(below: number): number {
    return this.random.uint32() % below;
  }

  /** A line for the trace. */
  note(line: string): void {
    this.trace.push(`[${this.time.now().toFixed(1)}] ${line}`);
  }

  /** A fault was met. */
  count(fault: string, times = 1): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + times);
  }

  /** Lets things happen for `ms`. Promises of clients run in between, at fixed points, so that the order is the same each time. */
  async pass(ms: number): Promise<void> {
    await this.#run(() => false, ms);
  }

  /** Lets things happen until `condition` holds. @throws BrokenPromise when it does not within `limit_ms`. */
  async until(condition: () => boolean, limit_ms: number, what = `${condition}`): Promise<void> {
    if (!(await this.#run(condition, limit_ms)))
      throw new BrokenPromise(`it did not come to pass within ${limit_ms} ms: ${what}`);
  }

  async #run(condition: () => boolean, limit_ms: number): Promise<boolean> {
    const end = this.time.now() + limit_ms;
    await settled();
    while (!condition()) {
      if (!this.time.step(end)) return false;
      this.check();
      if (!this.time.promised) continue;
      this.time.promised = false;
      await settled();
    }
    return true;
  }

  /** Lets time pass until a promise is settled, and gives what it came to. */
  async result<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const mark = () => {
      over = true;
    };
    promise.then(mark, mark);
    await this.until(() => over, RESULT_MS_MAX, 'a call ends');
    return promise;
  }

  /** Looks at what has just happened. @throws what must not have */
  protected check(): void {}
}

/** Runs every promise reaction that is ready. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
