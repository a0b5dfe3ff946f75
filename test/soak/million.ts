/** `million`: a queue that holds very many messages beside one that holds none: memory, a restart, rates, and stalls of the event loop. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, connect } from '../../protocol/client/index.js';
import { SHARD } from '../../protocol/groups.js';
import { TestCluster } from '../integration/cluster.js';
import { Bodies } from './bodies.js';
import { counted, MIB, mib, percentile, seconds } from './figures.js';
import type { Finding } from './finding.js';
import { CheckpointTimes, type Delays, delaysOf, describe, probed } from './loop-delay.js';
import { Peaks } from './memory.js';
import { SteadyLoad, UNDER_WAY_MAX } from './steady.js';
import { Stream } from './stream.js';

export interface MillionPlan {
  readonly messages: number;
  /** Of a message. */
  readonly bytes: number;
  readonly memory_budget: number;
  /** Commands by which a rate is measured, and how often. */
  readonly commands: number;
  readonly rounds: number;
  /** How long the event loop is looked at, s, and under which load. */
  readonly seconds: number;
  readonly commands_per_s: number;
}

const DEPTH = 512;
/** What the issue allows beside the budget, bytes; for a start, ms; of rates; of stalls, ms. */
const BESIDE_BYTES = 150e6;
const SERVING_MS_MAX = 5000;
const RATE_MIN = 0.7;
const DELAY_MS_MAX = 50;
const DELAY_TIMES_MAX = 2;
/** Moments without which nothing can be told. Of fewer than a thousand the greatest delay counts as the one in a thousand. */
const LOOKS_MIN = 100;

/** Commands a second, of each round. */
interface Rates {
  readonly produce: number[];
  readonly dequeue: number[];
}

/** Goes through it and tells how it goes on. */
export async function runMillion(plan: MillionPlan, tell: (line: string) => void): Promise<Finding[]> {
  const { messages, bytes, memory_budget } = plan;
  const flags = ['--segment-bytes', `${16 * MIB}`, '--memory-budget', `${memory_budget}`];
  const options = { election_ms: null, flags } as const;
  const loops = (id: string, folder: string) => join(folder, `${id}.loop`);
  await using bare = await TestCluster.make({ ...options, name: 'bare' });
  await using full = await TestCluster.make({
    ...options,
    name: 'full',
    runtime: (id, folder) => probed(loops(id, folder)),
  });
  using memory = Peaks.ofMemory(full);
  await Promise.all([bare.start(), full.start()]);
  const bodies = new Bodies(bytes, bytes);
  const stream = new Stream(await full.client({ clientId: 'stream' }), bodies);
  const other = new Stream(await bare.client({ clientId: 'stream' }), bodies);
  const progress = (what: string) => (done: number) =>
    tell(`${counted(done)} messages ${what}; RssAnon at most ${memory}`);

  await full.leader(SHARD);
  const filled = await stream.puts(messages, DEPTH, progress('into the queue'));
  tell(`filled in ${seconds(filled)}`);
  const produce = { bare: [], full: [] } as Record<'bare' | 'full', number[]>;
  const dequeue = { bare: [], full: [] } as Record<'bare' | 'full', number[]>;
  const rate = (ms: number) => (plan.commands / ms) * 1000;
  // One more, that does not count: code gets compiled. The full queue has room for what was taken from it only.
  for (let round = 0; round <= plan.rounds; round++) {
    const counts = round > 0;
    const turns = [
      async () => note(produce.bare, counts, rate(await other.puts(plan.commands, DEPTH))),
      async () => note(dequeue.full, counts, rate(await stream.takes(plan.commands, DEPTH))),
      async () => note(produce.full, counts, rate(await stream.puts(plan.commands, DEPTH))),
      async () => note(dequeue.bare, counts, rate(await other.takes(plan.commands, DEPTH))),
    ] as const;
    const order = round % 2 === 0 ? [0, 1, 2, 3] : [1, 0, 3, 2];
    for (const turn of order) await turns[turn as 0 | 1 | 2 | 3]();
    if (counts) tell(`round ${round}: ${told('produce', produce)}, ${told('dequeue', dequeue)}`);
  }
  await bare.kill();

  const leader = await full.leader(SHARD);
  const times = new CheckpointTimes(await full.client({ clientId: 'onlooker' }), leader);
  // The queue needs room for what is under way.
  await stream.takes(UNDER_WAY_MAX, DEPTH);
  const load = new SteadyLoad(stream, plan.commands_per_s);
  const latencies = load.begin();
  await sleep(plan.seconds * 1000);
  await times.stop();
  await load.stop();
  await stream.puts(UNDER_WAY_MAX, DEPTH);
  const [during, without] = delaysOf(loops(leader, full.folder), times);
  tell(`${counted(plan.commands_per_s)} commands/s: ${latencies}; ${times.spans.length} checkpoints on ${leader}`);
  tell(`loop delay during them ${describe(during)}, without ${describe(without)}`);

  const peak = memory.greatest;
  tell(`RssAnon at most ${memory}`);
  memory.clear();
  await full.kill();
  const begun = performance.now();
  await full.start();
  const listening = performance.now() - begun;
  const client = await connected(full);
  stream.use(client);
  await stream.take();
  const serving = performance.now() - begun;
  await stream.put();
  tell(
    `after kill -9 of all: listening after ${seconds(listening)}, serving after ${seconds(serving)}; RssAnon at most ${memory}`,
  );
  await stream.takes(stream.length, DEPTH, progress('out of the queue'));
  await client.close();
  return [
    {
      asked: `${counted(messages)} queued messages of ${bytes} B: RssAnon under memory_budget (${mib(memory_budget)}) + 150 MB`,
      found: `${(peak / 1e6).toFixed(0)} MB at most, ${(memory.greatest / 1e6).toFixed(0)} MB after the restart`,
      kept: Math.max(peak, memory.greatest) < memory_budget + BESIDE_BYTES,
    },
    {
      asked: 'restart to serving under 5 s, after kill -9 of all nodes',
      found: seconds(serving),
      kept: serving < SERVING_MS_MAX,
    },
    rateFinding('produce', produce),
    rateFinding('dequeue', dequeue),
    ...delayFindings(plan.commands_per_s, times.spans.length, during, without),
  ];
}

/** A client that nobody has told anything yet. */
function connected(cluster: TestCluster): Promise<Cluster> {
  return connect({ nodes: cluster.addresses, timeout_ms: 30_000, clientId: 'again' });
}

function note(rates: number[], counts: boolean, rate: number): void {
  if (counts) rates.push(rate);
}

function told(what: keyof Rates, { bare, full }: Record<'bare' | 'full', readonly number[]>): string {
  return `${what} ${counted(full.at(-1) ?? 0)}/s (empty ${counted(bare.at(-1) ?? 0)}/s)`;
}

function rateFinding(what: keyof Rates, { bare, full }: Record<'bare' | 'full', readonly number[]>): Finding {
  const [mine, its] = [percentile(full, 50), percentile(bare, 50)];
  return {
    asked: `${what} rate within 30 % of the empty queue's`,
    found: `${counted(mine)}/s, empty ${counted(its)}/s: ${((mine / its) * 100).toFixed(0)} % (medians of ${full.length})`,
    kept: mine / its >= RATE_MIN,
  };
}

function delayFindings(rate: number, checkpoints: number, during: Delays, without: Delays): Finding[] {
  const enough = Math.min(during.count, without.count) >= LOOKS_MIN;
  const found = `${during.p999.toFixed(1)} ms, without ${without.p999.toFixed(1)} ms (${checkpoints} checkpoints${enough ? '' : ': TOO LITTLE TO TELL'})`;
  return [
    {
      asked: `p99.9 of the loop delay during a checkpoint at most 50 ms (${counted(rate)} commands/s)`,
      found,
      kept: enough && during.p999 <= DELAY_MS_MAX,
    },
    {
      asked: 'and at most 2x the same load without one',
      found: `${(during.p999 / without.p999).toFixed(1)}x`,
      kept: enough && during.p999 <= DELAY_TIMES_MAX * without.p999,
    },
  ];
}

/** What the issue speaks of. */
export const MILLION: MillionPlan = {
  messages: 1_000_000,
  bytes: 256,
  memory_budget: 256 * MIB,
  commands: 50_000,
  rounds: 7,
  seconds: 90,
  commands_per_s: 8000,
};
