/** A thread of the pool: plays the seeds it is given, one after the other. */
import { parentPort } from 'node:worker_threads';
import type { Outcome } from './pool.js';
import { Broken, explore } from './scenario.js';

parentPort?.on('message', async (seed: number) => {
  parentPort?.postMessage(await outcomeOf(seed));
});

async function outcomeOf(seed: number): Promise<Outcome> {
  try {
    const { commands, succeeded, simulated_ms, faults, ...run } = await explore(seed);
    return { seed, void: run.void, commands, succeeded, simulated_ms, faults, broken: null };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const { promise, message } = error;
    const nothing = { commands: 0, succeeded: 0, simulated_ms: 0, faults: new Map() };
    return { seed, void: false, ...nothing, broken: { promise, story: message } };
  }
}
