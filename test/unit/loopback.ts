/** One process on a simulated network without delays: for tests of what runs over connections. Nothing happens but when it is told to. */
import type { Env, Network, Random, Scheduler } from '../../protocol/env.js';
import { SimulatedNetwork } from '../simulation/network.js';
import { SimulatedTime, seededRandom } from '../simulation/time.js';

export class Loopback implements Env {
  readonly random: Random = seededRandom(1);
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly #time = new SimulatedTime();

  constructor() {
    const process = this.#time.process('loopback');
    const network = new SimulatedNetwork(this.#time, this.random);
    network.delay_ms = { min: 0, spread: 0 };
    this.scheduler = process;
    this.network = network.of(process);
  }

  /** Everything that can happen now happens. */
  settle(): void {
    while (this.#time.step(this.#time.now()));
  }

  /** Lets `ms` pass. */
  pass(ms: number): void {
    for (const end = this.#time.now() + ms; this.#time.step(end); );
  }
}
