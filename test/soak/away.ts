/** `away`: a follower comes back after more has happened than any log keeps, while clients go on at their pace. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Installed, NodeState } from '../../protocol/client/index.js';
import { SHARD } from '../../protocol/groups.js';
import { TestCluster } from '../integration/cluster.js';
import { until } from '../integration/until.js';
import { Bodies } from './bodies.js';
import { counted, MIB, mib, seconds } from './figures.js';
import type { Finding } from './finding.js';
import { Peaks } from './memory.js';
import { type Latencies, SteadyLoad } from './steady.js';
import { Stream } from './stream.js';

export interface AwayPlan {
  /** In the queue all the time, bytes. */
  readonly live: number;
  /** Goes through it while the node is away, bytes. */
  readonly log: number;
  readonly memory_budget: number;
  readonly log_budget: number;
  readonly segment_bytes: number;
  /** Of messages. */
  readonly bytes_min: number;
  readonly bytes_max: number;
  /** Of the steady load. */
  readonly commands_per_s: number;
  /** How long the load is measured before and after, s. */
  readonly seconds: number;
  /** kill -9 in place of SIGTERM. */
  readonly kill: boolean;
}

/** Commands under way while the queue is filled and emptied, and while the log goes by. */
const DEPTH = 256;
const LOOK_MS = 20;
/** Before the load is measured, ms. */
const SETTLE_MS = 1000;
/** Until a node has caught up, ms. */
const PATIENCE_MS = 600_000;
/** The memory that the issue asks for, bytes. */
const MEMORY_MAX = 150e6;
const TIMES_MAX = 2;

/** What a run came to. */
export interface AwayRun {
  /** The snapshot that the node got; null when there was none. */
  readonly installed: Installed | null;
  /** From its start until it had caught up, ms. */
  readonly caughtUp_ms: number;
  /** RssAnon of the node from its start until then, bytes. */
  readonly peak: number;
  /** Of the steady load: with all nodes, while the node caught up, and after. */
  readonly before: Latencies;
  readonly during: Latencies;
  readonly after: Latencies;
  /** Messages that came out of the node at the end, each as it went in, with nothing left. */
  readonly intact: number;
}

/** Goes through it and tells how it goes on. @throws Error when a message is lost or is not what it was */
export async function runAway(plan: AwayPlan, tell: (line: string) => void): Promise<AwayRun> {
  const { memory_budget, log_budget, segment_bytes, bytes_min, bytes_max } = plan;
  const count = Math.ceil(plan.live / ((bytes_min + bytes_max) / 2));
  const pairs = Math.ceil((plan.log / plan.live) * count);
  const budgets = ['--memory-budget', `${memory_budget}`, '--log-budget', `${log_budget}`];
  const flags = [...budgets, '--segment-bytes', `${segment_bytes}`];
  await using cluster = await TestCluster.make({ election_ms: null, name: 'soak', flags });
  using memory = Peaks.ofMemory(cluster);
  await cluster.start();
  const leader = await cluster.leader(SHARD);
  const away = [...cluster.nodes.keys()].find((id) => id !== leader) ?? '';
  const stream = new Stream(await cluster.client({ clientId: 'stream' }), new Bodies(bytes_min, bytes_max));
  const phase = async (name: string, load: SteadyLoad, ends: Promise<unknown>): Promise<Latencies> => {
    const latencies = load.begin();
    await ends;
    load.begin();
    tell(`${name}: ${latencies}`);
    return latencies;
  };
  const measured = () => sleep(plan.seconds * 1000);
  const settled = () => sleep(Math.min(SETTLE_MS, plan.seconds * 1000));
  const progress = (what: string, of: number) => (done: number) =>
    tell(`${what}: ${((done / of) * 100).toFixed(0)} %; RssAnon at most ${memory}`);

  tell(`budgets: memory ${mib(memory_budget)}, log ${mib(log_budget)}; ${leader} leads`);
  await stream.puts(count, DEPTH, progress(`${mib(plan.live)} into the queue`, count));
  const first = new SteadyLoad(stream, plan.commands_per_s);
  await settled();
  const before = await phase('before', first, measured());
  await first.stop();

  if (plan.kill) await cluster.kill(away);
  else await cluster.stop(away);
  tell(`${away} is away`);
  await stream.pairs(pairs, DEPTH, progress(`${mib(plan.log)} through the queue`, pairs));
  const load = new SteadyLoad(stream, plan.commands_per_s);
  await settled();
  await phase('without it', load, measured());
  memory.clear();
  const begun = performance.now();
  let ready_ms = 0;
  const returned = async () => {
    await cluster.start(away);
    ready_ms = performance.now() - begun;
    await caughtUp(cluster, away);
  };
  const during = await phase('while it catches up', load, returned());
  const ms = performance.now() - begun;
  tell(`${away} listens after ${seconds(ready_ms)}, has caught up after ${seconds(ms)}; RssAnon at most ${memory}`);
  const peak = memory.of(away);
  const after = await phase('after', load, measured());
  await load.stop();
  const { installed } = await cluster.replica(SHARD, away);

  await makeLeader(cluster, away);
  const intact = stream.length;
  await stream.takes(intact, DEPTH, progress('out of the queue', intact));
  const left = await (await cluster.client()).queue().size();
  if (left > 0) throw new Error(`${left} messages are in the queue that nobody has put there`);
  tell(`at the end RssAnon at most ${memory} since ${away} came back`);
  return { installed, caughtUp_ms: ms, peak, before, during, after, intact };
}

/** The rows for a table. */
export function awayFindings(plan: AwayPlan, run: AwayRun): Finding[] {
  const { installed, caughtUp_ms, peak, before, during, after, intact } = run;
  const p99 = ({ times }: Latencies) => times.quantile(0.99);
  const within = (phase: Latencies) => phase.skipped === 0 && p99(phase) <= p99(before) * TIMES_MAX;
  const [first, ...others] = [before, during, after].map((phase) => p99(phase).toFixed(1));
  return [
    {
      asked: `a follower away while ${mib(plan.log)} went by over ${mib(plan.live)} of live state returns, by a snapshot`,
      found:
        installed === null
          ? 'no snapshot'
          : `${mib(installed.bytes)} installed in ${seconds(installed.ms)}; caught up ${seconds(caughtUp_ms)} after its start`,
      kept: installed !== null,
    },
    {
      asked: `in under 150 MB RssAnon (memory_budget ${mib(plan.memory_budget)})`,
      found: `${(peak / 1e6).toFixed(0)} MB`,
      kept: peak > 0 && peak < MEMORY_MAX,
    },
    {
      asked: `while p99 of ${counted(plan.commands_per_s)} commands/s stays within ${TIMES_MAX}x`,
      found: `${first} ms before, ${others.join(' and ')} ms while it catches up and after`,
      kept: within(during) && within(after),
    },
    {
      asked: 'and what it has is what the others had',
      found: `${counted(intact)} messages came out of it as they went in`,
      kept: intact > 0,
    },
  ];
}

/** As far as the leader was when it was asked, in all groups. */
async function caughtUp(cluster: TestCluster, id: string): Promise<void> {
  const client = await cluster.client({ nodes: [cluster.node(id).plan.listen], clientId: 'onlooker' });
  const isThere = async () => {
    const leader = await cluster.leader(SHARD);
    const goal = leader === id ? null : await cluster.replica(SHARD, leader);
    const { value } = await client.admin('status', {}, { node: id });
    const own = (value as NodeState).groups[SHARD];
    return goal !== null && own !== undefined && !own.installing && own.applied >= goal.commit;
  };
  const patiently = async () => {
    await sleep(LOOK_MS);
    return isThere();
  };
  await until(`${id} has caught up`, patiently, () => cluster.tail(), PATIENCE_MS);
}

async function makeLeader(cluster: TestCluster, id: string): Promise<void> {
  const client = await cluster.client();
  const leader = await cluster.leader(SHARD);
  if (leader !== id) await client.admin('transfer', { group: SHARD, to: id }, { node: leader });
  await until(`${id} leads`, async () => (await cluster.leader(SHARD)) === id);
}

/** What the issue speaks of. */
export const AWAY: AwayPlan = {
  live: 256 * MIB,
  log: 1024 * MIB,
  memory_budget: 32 * MIB,
  log_budget: 512 * MIB,
  segment_bytes: 16 * MIB,
  bytes_min: 256,
  bytes_max: 4096,
  commands_per_s: 2000,
  seconds: 30,
  kill: false,
};
