/** `scale`: very many locks held and very many waiters on one of them; what that takes, and what it does to everybody else. */
import type { Cluster, Lock } from '../../protocol/client/index.js';
import { TestCluster } from '../integration/cluster.js';
import { until } from '../integration/until.js';
import { inFlight, MIB, percentile, seconds } from './figures.js';
import { now } from './journal.js';

/** Locks held by one session, and waiters of one: a session has at most 1,024 commands under way. */
const LOCKS_EACH = 25_000;
const WAITERS_EACH = 800;
/** Commands of one session under way at once while locks are acquired and released. */
const WINDOW = 128;
/** Cycles that are measured for a latency. */
const CYCLES = 500;
const WAIT_MS = 600_000;
const TIMEOUT_MS = 60_000;
const TTL_MS = 30_000;
const CROWD = 'crowd';

/** Goes through it and tells what it sees, line by line. */
export async function runScale(locks: number, waiters: number, tell: (line: string) => void): Promise<void> {
  // Segments as a node has them when it is told nothing.
  const flags = ['--segment-bytes', `${16 * MIB}`];
  await using cluster = await TestCluster.make({ election_ms: null, name: 'soak', flags });
  await cluster.start();
  await cluster.leader('c');
  const options = { ttl_ms: TTL_MS, timeout_ms: TIMEOUT_MS };
  const clients = (name: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => cluster.client({ ...options, clientId: `${name}${i + 1}` })));
  const other = await cluster.client({ ...options, clientId: 'other' });
  const memory = () => {
    const all = [...cluster.nodes.values()].map((node) => `${node.id} ${(node.memory_bytes / MIB).toFixed(0)}`);
    return `RssAnon MiB: ${all.join(' ')}`;
  };

  tell(`empty: ${memory()}; acquire + release alone: ${await latency(other)}`);

  const holders = await clients('holder', Math.ceil(locks / LOCKS_EACH));
  const held: Lock[][] = holders.map(() => []);
  const acquired = await quarters(locks, async (note) => {
    await Promise.all(
      holders.map((client, h) =>
        inFlight(Math.min(LOCKS_EACH, locks - h * LOCKS_EACH), WINDOW, async (i) => {
          held[h]?.push(await client.lock(`lock-${h}-${i}`).acquire({ wait_ms: 0 }));
          note();
        }),
      ),
    );
  });
  tell(`${locks} locks of ${holders.length} sessions acquired: ${acquired}`);
  tell(`then: ${memory()}; acquire + release beside them: ${await latency(other)}`);

  const crowd = await clients('waiter', Math.ceil(waiters / WAITERS_EACH));
  const first = await other.lock(CROWD).acquire();
  const turns = new Turns(waiters);
  const begun = now();
  const all = crowd.map((client, c) =>
    Array.from({ length: Math.min(WAITERS_EACH, waiters - c * WAITERS_EACH) }, async () => {
      const lock = await client.lock(CROWD).acquire({ wait_ms: WAIT_MS });
      turns.granted(lock.token);
      await lock.release();
    }),
  );
  const ended = Promise.all(all.flat());
  const waiting = async () => Number(((await other.read('lock.find', [CROWD])).value as readonly unknown[])[5]);
  await until(`${waiters} wait`, async () => (await waiting()) === waiters);
  tell(`${waiters} waiters of ${crowd.length} sessions in line after ${seconds(now() - begun)}`);
  tell(`then: ${memory()}; acquire + release beside them: ${await latency(other)}`);

  const leader = await cluster.leader('c');
  const killed = now();
  await cluster.kill(leader);
  await cycle(other);
  tell(`leader killed: the next acquire + release was done after ${seconds(now() - killed)}`);
  tell(`${await waiting()} wait, and the lock is ${first.state}, token ${first.token}`);
  tell(`acquire + release with two nodes: ${await latency(other)}`);
  const started = now();
  await cluster.start(leader);
  const listening = now() - started;
  await until(`${leader} has caught up`, async () => {
    const [own, goal] = await Promise.all([
      cluster.replica('c', leader).catch(() => null),
      cluster.replica('c', await cluster.leader('c')),
    ]);
    return own !== null && own.applied >= goal.commit;
  });
  const bytes = (await other.admin('status', {}, { node: leader })).value as {
    readonly bytes: { readonly log: number };
  };
  tell(
    `restart of ${leader}, log of ${(bytes.bytes.log / MIB).toFixed(0)} MiB: listens after ${seconds(listening)}, has caught up after ${seconds(now() - started)}; ${memory()}`,
  );

  turns.begin();
  await first.release();
  await ended;
  tell(`all ${waiters} had their turn, in order of tokens ${turns.inOrder ? 'yes' : 'NO'}: ${turns.quarters()}`);
  const released = await quarters(locks, async (note) => {
    await Promise.all(
      held.map((own) =>
        inFlight(own.length, WINDOW, async (i) => {
          await own[i]?.release();
          note();
        }),
      ),
    );
  });
  tell(`${locks} locks released: ${released}`);
  const left = (await other.read('lock.list', ['*', 0, 1])).value as readonly unknown[];
  tell(`${left.length} locks left; ${memory()}; acquire + release alone: ${await latency(other)}`);
}

/** When the waiters had their turns. */
class Turns {
  inOrder = true;
  readonly #all: number;
  readonly #times: number[] = [];
  #last = 0;
  #begun = 0;

  constructor(all: number) {
    this.#all = all;
  }

  begin(): void {
    this.#begun = now();
  }

  granted(token: number): void {
    if (token <= this.#last) this.inOrder = false;
    this.#last = token;
    this.#times.push(now());
  }

  quarters(): string {
    return tellQuarters(this.#begun, this.#times, this.#all);
  }
}

/** Does something `count` times, each noted; tells how long each quarter took. */
async function quarters(count: number, run: (note: () => void) => Promise<void>): Promise<string> {
  const times: number[] = [];
  const begun = now();
  await run(() => times.push(now()));
  return tellQuarters(begun, times, count);
}

function tellQuarters(begun: number, times: readonly number[], count: number): string {
  const marks = [0, 1, 2, 3, 4].map((quarter) =>
    quarter === 0 ? begun : (times[Math.ceil((count * quarter) / 4) - 1] ?? Number.NaN),
  );
  const parts = marks.slice(1).map((mark, i) => seconds(mark - (marks[i] ?? begun)));
  return `${seconds((marks.at(-1) ?? begun) - begun)} (by quarters ${parts.join(', ')})`;
}

/** Of acquire and release of a lock that nobody else wants, one after the other. */
async function latency(client: Cluster): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < CYCLES; i++) {
    const begun = now();
    await cycle(client);
    times.push(now() - begun);
  }
  return `p50 ${percentile(times, 50).toFixed(1)} p99 ${percentile(times, 99).toFixed(1)} ms`;
}

async function cycle(client: Cluster): Promise<void> {
  const lock = await client.lock('uncontended').acquire();
  await lock.release();
}
