/** Plays many seeds, several at a time: one thread each, which takes the next seed when it is done with one. */
import { Worker } from 'node:worker_threads';

/** What a seed came to, as it travels between threads. */
export interface Outcome {
  readonly seed: number;
  /** Too little happened for it to prove anything. */
  readonly void: boolean;
  /** Commands and reads asked, and those that succeeded. */
  readonly commands: number;
  readonly succeeded: number;
  readonly simulated_ms: number;
  /** How often which fault was met. */
  readonly faults: ReadonlyMap<string, number>;
  /** The promise that was broken, and what happened before, or null. */
  readonly broken: { readonly promise: string; readonly story: string } | null;
}

export interface PoolOptions {
  readonly seeds: readonly number[];
  /** Threads, at least 1. */
  readonly jobs: number;
  /** Take no more seeds after one that broke a promise. */
  readonly stop?: boolean;
  readonly told: (outcome: Outcome) => void;
}

/** Resolves when every seed has been played, or after the first broken promise. @throws what a thread died of */
export async function playSeeds({ seeds, jobs, stop = false, told }: PoolOptions): Promise<void> {
  let next = 0;
  let over = false;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./worker.js', import.meta.url));
      const give = () => {
        const seed = over ? undefined : seeds[next++];
        if (seed === undefined) worker.terminate().then(() => resolve(), reject);
        else worker.postMessage(seed);
      };
      worker.on('message', (outcome: Outcome) => {
        over ||= stop && outcome.broken !== null;
        told(outcome);
        give();
      });
      worker.on('error', reject);
      give();
    });
  await Promise.all(Array.from({ length: Math.min(jobs, seeds.length) }, work));
}
