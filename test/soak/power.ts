/**
 * `power`: the power of one node, two or all goes again and again, while clients enqueue and dequeue and every node is busy writing
 * checkpoints, giving log back and sending snapshots. Nodes hold every write to their own files back until its sync, so that kill -9 loses
 * what a power cut would. What LMDB writes to the base is not held back: of that a cut loses only what the process had not written yet.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../protocol/client/index.js';
import { SHARD } from '../../protocol/groups.js';
import { TestCluster } from '../integration/cluster.js';
import { Bodies } from './bodies.js';
import { Dice } from './dice.js';
import { counted, MIB } from './figures.js';
import type { Finding } from './finding.js';
import { Ledger } from './ledger.js';

export interface PowerPlan {
  readonly cuts: number;
  readonly seed: number;
  /** Between two cuts, at most, ms. */
  readonly pause_ms: number;
  /** Without power, at most, ms. */
  readonly down_ms: number;
}

/** What a run came to. */
export interface PowerRun {
  readonly cuts: number;
  readonly acknowledged: number;
  readonly out: number;
  /** Commands of which nobody was told whether they were carried out. */
  readonly unknown: number;
  readonly snapshots: number;
  /** Of the shard, on the node that has fewest: index of the newest checkpoint, and the first entry that the log still has. */
  readonly checkpoint: number;
  readonly first: number;
  readonly violations: readonly string[];
}

/** The smallest that a node takes: a checkpoint for every 128 KiB of log, and no more than half a MiB for those who were away. */
const FLAGS = [
  '--faults-hold-writes',
  ...['--memory-budget', `${MIB}`],
  ...['--log-budget', `${MIB}`],
  ...['--segment-bytes', `${128 << 10}`],
];
const BYTES_MIN = 64;
const BYTES_MAX = 2048;
/** Messages that stay in the queue, at most. */
const LEVEL_MAX = 3000;
/** Acknowledgements that have to come after most of the cuts: a run with less traffic says nothing. */
const FLOW = 100;
/** Sessions outlive every outage, ms. */
const TTL_MS = 120_000;

/** Goes through it and tells of each cut. */
export async function runPower(
  { cuts, seed, pause_ms, down_ms }: PowerPlan,
  tell: (line: string) => void,
): Promise<PowerRun> {
  const dice = new Dice(seed);
  await using cluster = await TestCluster.make({ election_ms: 300, name: 'soak', flags: FLAGS });
  await cluster.start();
  await cluster.leader(SHARD);
  const client = (clientId: string) => cluster.client({ clientId, ttl_ms: TTL_MS });
  const [producer, consumer, control] = await Promise.all([client('producer'), client('consumer'), client('control')]);
  const ledger = new Ledger(producer, consumer, new Bodies(BYTES_MIN, BYTES_MAX));
  const broken: string[] = [];
  for (let done = 0; done < cuts && broken.length === 0; ) {
    ledger.level = dice.below(LEVEL_MAX);
    await sleep(dice.between(50, pause_ms));
    const victims = victimsOf(dice, [...cluster.nodes.keys()], control.leaderOf(SHARD));
    done++;
    const again = await cut(cluster, victims, dice, down_ms).catch((error: unknown) => {
      broken.push(`after cut ${done}: ${(error as Error).message}`);
      return 0;
    });
    if (dice.percent(70)) await ledger.flows(FLOW).catch((error: unknown) => broken.push((error as Error).message));
    const twice = again === 0 ? '' : ', once more while starting';
    tell(
      `cut ${done}: ${victims.join(' ')}${twice}; ${counted(ledger.acknowledged.size)} in, ${counted(ledger.out)} out`,
    );
  }
  if (broken.length === 0) await emptied(cluster, control, ledger).catch((error: unknown) => broken.push(`${error}`));
  const replicas = await Promise.all(
    [...cluster.nodes.keys()].map((id) => cluster.replica(SHARD, id).catch(() => null)),
  );
  const least = (values: readonly number[]) => Math.min(...values);
  const logs = [...cluster.nodes.values()].flatMap((node) => node.log().map((line) => ({ ...line, id: node.id })));
  const said = (what: string) => logs.filter(({ msg }) => msg === what);
  const bad = [...said('damaged'), ...said('the node cannot go on')];
  const violations = [...broken, ...bad.map((line) => JSON.stringify(line))];
  if (broken.length === 0) violations.push(...ledger.violations());
  if (violations.length > 0) tell(cluster.tail());
  return {
    cuts,
    acknowledged: ledger.acknowledged.size,
    out: ledger.out,
    unknown: ledger.unknown,
    snapshots: said('snapshot installed').length,
    checkpoint: least(replicas.map((replica) => replica?.checkpoint ?? 0)),
    first: least(replicas.map((replica) => replica?.first ?? 0)),
    violations,
  };
}

/** The rows for a table. */
export function powerFindings(run: PowerRun): Finding[] {
  const { cuts, acknowledged, out, unknown, snapshots, checkpoint, first, violations } = run;
  return [
    {
      asked: `power cut at random moments ${cuts} times in real processes: nothing acknowledged lost, nothing doubled`,
      found:
        violations.length === 0
          ? `${counted(acknowledged)} acknowledged, ${counted(out)} came out, each once and in order; ${unknown} commands of unknown end`
          : violations.join('; '),
      kept: violations.length === 0,
    },
    {
      asked: 'while checkpoints, given-back log and snapshots are in use',
      found: `${snapshots} snapshots installed, checkpoints up to ${counted(checkpoint)}, log from ${counted(first)} on`,
      kept: snapshots > 0 && checkpoint > 0 && first > 1,
    },
  ];
}

function victimsOf(dice: Dice, all: readonly string[], leader: string): string[] {
  const kind = dice.below(100);
  if (kind < 25) return [...all];
  const first = dice.percent(50) && leader !== '' ? leader : dice.one(all);
  const others = all.filter((id) => id !== first);
  return kind < 50 ? [first, dice.one(others)] : [first];
}

/** Cuts the power, and once more while the nodes start, now and then: how often that was. @throws Error when one does not start */
async function cut(cluster: TestCluster, victims: readonly string[], dice: Dice, down_ms: number): Promise<number> {
  await cluster.kill(...victims);
  // Only while the others go on does a node that is away get so far behind that it needs a snapshot.
  await sleep(dice.below(victims.length === 1 ? down_ms : down_ms / 6));
  const again = dice.percent(25);
  if (again) {
    const starts = Promise.allSettled(victims.map((id) => cluster.start(id)));
    await sleep(dice.between(20, 600));
    await cluster.kill(...victims);
    await starts;
  }
  await cluster.start(...victims);
  return Number(again);
}

/** Takes out what is left, a third under the lead of each node: each has to have it. */
async function emptied(cluster: TestCluster, control: Cluster, ledger: Ledger): Promise<void> {
  ledger.level = LEVEL_MAX;
  await ledger.flows(FLOW);
  await ledger.stop();
  const left = ledger.acknowledged.size - ledger.out;
  for (const id of cluster.nodes.keys()) {
    const leader = await cluster.leader(SHARD);
    if (leader !== id) await control.admin('transfer', { group: SHARD, to: id }, { node: leader, timeout_ms: 30_000 });
    await ledger.drain(Math.floor(left / cluster.nodes.size));
  }
  await ledger.drain();
}

/** What the issue speaks of. */
export const POWER: PowerPlan = { cuts: 50, seed: 1, pause_ms: 1500, down_ms: 3000 };
