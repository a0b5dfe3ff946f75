/** `stuck`: holders that never release, each for a bounded time; others wait for their locks, and get them in time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, LockNews } from '../../protocol/client/index.js';
import { TestCluster } from '../integration/cluster.js';
import { spread } from './figures.js';
import { now } from './journal.js';

/** Sessions of the holders, and of those who wait. One is told of 500 losses at a time. */
const SESSIONS = 4;
/** Waiters for each lock. */
const WAITERS = 2;
const WAIT_MS = 60_000;
/** Later than the end of a hold by at most this, ms. */
export const LATE_MS = 1000;
/** Until the holders have been told, it is looked this often, ms. */
const LOOK_MS = 10;
/** Others that acquire and release locks of their own meanwhile, as fast as it goes. */
const LOAD = 16;

/** What it came to. Times in ms. */
export interface StuckRun {
  readonly holders: number;
  readonly hold_ms: number;
  /** For each lock: from when its holder heard of the grant to when the next one did, less the time for which it was to be held. */
  readonly late_ms: readonly number[];
  /** The same from when the holder asked for it: what is true lies between both. */
  readonly sinceAsked_ms: readonly number[];
  /** Holders that were told of their loss, by their signal and by news. */
  readonly aborted: number;
  readonly news: number;
  /** Cycles of the load. */
  readonly cycles: number;
}

/** Holds `holders` locks for `hold_ms` each, and waits until others have had them. */
export async function runStuck(holders: number, hold_ms: number): Promise<StuckRun> {
  await using cluster = await TestCluster.make({ election_ms: null, name: 'soak' });
  await cluster.start();
  await cluster.leader('c');
  const owning = await clientsOf(cluster, 'holder');
  const waiting = await clientsOf(cluster, 'waiter');
  const load = new Load(await cluster.client({ clientId: 'load' }));
  const news: LockNews[] = [];
  for (const client of owning) client.onLockNews((one) => news.push(one));
  let aborted = 0;
  const late_ms: number[] = [];
  const sinceAsked_ms: number[] = [];
  await Promise.all(
    Array.from({ length: holders }, async (_, i) => {
      const name = `stuck-${i}`;
      const asked = now();
      const lock = await of(owning, i).lock(name).acquire({ hold_ms, wait_ms: WAIT_MS });
      const granted = now();
      lock.signal.addEventListener('abort', () => aborted++);
      const freed = await Promise.all(Array.from({ length: WAITERS }, (_, w) => turnOf(of(waiting, i + w), name)));
      late_ms.push(Math.min(...freed) - granted - hold_ms);
      sinceAsked_ms.push(Math.min(...freed) - asked - hold_ms);
    }),
  );
  const cycles = await load.stop();
  const tolerated = now() + LATE_MS;
  while (Math.min(aborted, news.length) < holders && now() < tolerated) await sleep(LOOK_MS);
  return { holders, hold_ms, late_ms, sinceAsked_ms, aborted, news: news.length, cycles };
}

/** Waits for the lock and releases it. Resolves with the time of the grant. */
async function turnOf(client: Cluster, name: string): Promise<number> {
  const lock = await client.lock(name).acquire({ wait_ms: WAIT_MS });
  const granted = now();
  await lock.release();
  return granted;
}

/** Acquires and releases locks that nobody else wants. */
class Load {
  #cycles = 0;
  #stopped = false;
  readonly #workers: readonly Promise<void>[];

  constructor(client: Cluster) {
    this.#workers = Array.from({ length: LOAD }, (_, i) => this.#work(client, `load-${i}`));
  }

  async stop(): Promise<number> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    return this.#cycles;
  }

  async #work(client: Cluster, name: string): Promise<void> {
    while (!this.#stopped) {
      await client.withLock(name, () => {});
      this.#cycles++;
    }
  }
}

function clientsOf(cluster: TestCluster, name: string): Promise<Cluster[]> {
  return Promise.all(Array.from({ length: SESSIONS }, (_, i) => cluster.client({ clientId: `${name}${i + 1}` })));
}

function of(clients: readonly Cluster[], i: number): Cluster {
  const [client] = clients.slice(i % clients.length);
  if (client === undefined) throw new RangeError('there are no clients');
  return client;
}

/** What it came to, in some lines. */
export function describeStuck({ holders, hold_ms, late_ms, sinceAsked_ms, aborted, news, cycles }: StuckRun): string {
  const late = late_ms.filter((ms) => ms > LATE_MS).length;
  return [
    `${holders} holders for ${hold_ms} ms each, ${WAITERS} waiters for each lock, ${cycles} cycles of others beside them`,
    `freed later than granted + hold by: ${spread(late_ms)}; more than ${LATE_MS} ms: ${late}`,
    `freed later than asked for + hold by: ${spread(sinceAsked_ms)}`,
    `told of their loss: ${aborted} by signal, ${news} by news`,
    late === 0 && aborted === holders ? 'ok' : 'BROKEN',
  ].join('\n');
}
