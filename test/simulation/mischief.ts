/** All that can go wrong in a simulated cluster, by name: what is done, and how it is undone. */
import type { SimulatedCluster } from './cluster.js';
import type { Operation } from './faults.js';
import type { Dice, Swarm } from './swarm.js';

/** What mischief is done to. */
export interface Stage {
  readonly cluster: SimulatedCluster;
  readonly swarm: Swarm;
  readonly dice: Dice;
  /** Names of the clients. */
  readonly clients: () => readonly string[];
}

/** Does something; what it returns undoes it. */
type Mischief = (stage: Stage) => () => void;

const nothing = () => {};

/** What was written last to a file, about, bytes. */
const NEWEST_BYTES = 1024;

/** Errors of the disk with which a node may end. */
const DISK_ERRORS = ['EIO', 'ENOSPC'];
/** Calls that fail or in which a node ends, as often as they stand here. */
const CALLS: readonly [Operation, ...Operation[]] = ['sync', 'sync', 'write', 'read', 'syncFolder', 'open', 'rename'];

/** Every kind. What the world loses for good (rot, mislaid writes) befalls only the node that the seed calls frail. */
export const MISCHIEF = {
  'kill -9': (stage) => {
    const id = node(stage);
    stage.cluster.kill(id);
    return () => stage.cluster.start(id);
  },

  'power cut': (stage) => {
    const id = node(stage);
    stage.cluster.cutPower(id);
    return () => stage.cluster.start(id);
  },

  // Again and again, some of it while the node recovers from the last time.
  'end in the middle of a call to the disk': (stage) => {
    const { cluster, dice } = stage;
    const id = node(stage);
    let left = 1 + dice.below(4);
    const lieInWait = () => {
      const operation = dice.one(CALLS);
      const skip = dice.below(operation === 'sync' || operation === 'write' ? 20 : 2);
      const power = dice.happens(0.7);
      cluster.disk(id).faults.ambush({ operation, skip }, () => {
        cluster.count('node ended in the middle of a call');
        if (power) cluster.cutPower(id);
        else cluster.kill(id);
        cluster.time.add(dice.between(20, 3000), () => cluster.start(id), null);
        if (--left > 0) lieInWait();
      });
    };
    lieInWait();
    return nothing;
  },

  'power cut, twice': (stage) => {
    const { cluster, dice } = stage;
    const id = node(stage);
    cluster.cutPower(id);
    return () => {
      cluster.start(id);
      const again = () => {
        cluster.cutPower(id);
        cluster.start(id);
      };
      cluster.time.add(dice.between(1, 300), again, null);
    };
  },

  'power cut of all': ({ cluster }) => {
    for (const id of cluster.ids) cluster.cutPower(id);
    return () => cluster.start(...cluster.ids);
  },

  stop: (stage) => {
    const id = node(stage);
    stage.cluster.stop(id);
    return () => stage.cluster.start(id);
  },

  pause: (stage) => {
    const id = node(stage);
    stage.cluster.pause(id);
    return () => stage.cluster.resume(id);
  },

  'pause of all': ({ cluster }) => {
    for (const id of cluster.ids) cluster.pause(id);
    return () => {
      for (const id of cluster.ids) cluster.resume(id);
    };
  },

  isolation: (stage) => {
    const id = node(stage);
    const others = stage.cluster.ids.filter((other) => other !== id);
    return block(stage.cluster, [[id, others], ...others.map((other): Way => [other, [id]])]);
  },

  // The others know at once and elect another; it learns nothing until it misses them.
  'leader cut off unawares': (stage) => {
    const { cluster, dice } = stage;
    const [first, ...more] = cluster.leaders(dice.one(['c', 's0', 's0']));
    if (first === undefined) return nothing;
    const id = dice.one([first, ...more]);
    const others = cluster.ids.filter((other) => other !== id);
    for (const other of others) cluster.network.drop(other, id);
    return block(cluster, [[id, others], ...others.map((other): Way => [other, [id]])]);
  },

  'one-way isolation': (stage) => {
    const id = node(stage);
    const others = stage.cluster.ids.filter((other) => other !== id);
    return stage.dice.happens(0.5)
      ? block(stage.cluster, [[id, others]])
      : block(
          stage.cluster,
          others.map((other): Way => [other, [id]]),
        );
  },

  'cut between two': (stage) => {
    const [a, b] = pair(stage);
    return block(stage.cluster, [
      [a, [b]],
      [b, [a]],
    ]);
  },

  'one-way cut between two': (stage) => {
    const [a, b] = pair(stage);
    return block(stage.cluster, [[a, [b]]]);
  },

  // For about as long as its session lasts, and one way longer than the other.
  'client alone': (stage) => {
    const { cluster, dice, swarm } = stage;
    const name = dice.one(['', ...stage.clients()]);
    if (name === '') return nothing;
    cluster.note(`${name} is alone`);
    const asked = block(cluster, [[name, cluster.ids]]);
    const answered = block(
      cluster,
      cluster.ids.map((id): Way => [id, [name]]),
    );
    const ms = (0.3 + 1.2 * dice.chance()) * swarm.ttl_ms;
    cluster.time.add(ms, asked, null);
    cluster.time.add(dice.happens(0.5) ? ms : ms * dice.chance(), answered, null);
    return nothing;
  },

  'client cut off': (stage) => {
    const client = stage.dice.one(['', ...stage.clients()]);
    const id = node(stage);
    return stage.dice.happens(0.5)
      ? block(stage.cluster, [[client, [id]]])
      : block(stage.cluster, [
          [client, [id]],
          [id, [client]],
        ]);
  },

  'clogged link': (stage) => {
    const [a, b] = stage.dice.happens(0.7) ? pair(stage) : [stage.dice.one(['', ...stage.clients()]), node(stage)];
    const { network } = stage.cluster;
    stage.cluster.note(`from ${a} to ${b} little gets through`);
    network.clog(a, b, 0.5 + stage.dice.chance() * 5);
    return () => network.clog(a, b, Number.POSITIVE_INFINITY);
  },

  'reset in mid-frame': (stage) => {
    const [a, b] = pair(stage);
    stage.cluster.network.cut(a, b);
    return nothing;
  },

  'reset of a client': (stage) => {
    stage.cluster.network.cut(stage.dice.one(['', ...stage.clients()]), node(stage));
    return nothing;
  },

  'client stands still': (stage) => {
    const name = stage.dice.one(['', ...stage.clients()]);
    if (name === '') return nothing;
    const process = stage.cluster.processOf(name);
    stage.cluster.note(`${name} stands still`);
    process.pause();
    // Some outlive their sessions by that.
    const { time } = stage.cluster;
    time.add(stage.dice.between(100, 3 * stage.swarm.ttl_ms), () => process.resume(), null);
    return nothing;
  },

  'slow sync': (stage) => {
    const id = node(stage);
    const ms = stage.dice.between(2, 4000);
    stage.cluster.note(`${id} syncs in ${ms.toFixed(0)} ms`);
    const { faults } = stage.cluster.disk(id);
    faults.slow({ operation: 'sync', ms });
    return () => faults.hasten();
  },

  'failing disk': (stage) => {
    const id = node(stage);
    const operation = stage.dice.one(CALLS);
    stage.cluster.note(`${id} is going to fail in ${operation}`);
    stage.cluster.mayEnd(id, ...DISK_ERRORS);
    stage.cluster.disk(id).faults.fail({ operation, code: 'EIO', skip: stage.dice.below(20) });
    return nothing;
  },

  'full disk': (stage) => {
    const id = node(stage);
    stage.cluster.note(`the disk of ${id} is full`);
    stage.cluster.mayEnd(id, ...DISK_ERRORS);
    const { faults } = stage.cluster.disk(id);
    faults.leave(stage.dice.below(100_000));
    return () => faults.leave(Number.POSITIVE_INFINITY);
  },

  'bit rot': ({ cluster, swarm, dice }) => {
    const { frail } = swarm;
    const disk = cluster.disk(frail);
    const [first, ...others] = disk.paths();
    if (first === undefined) return nothing;
    const path = dice.one([first, ...others]);
    const bytes = disk.contents(path);
    // Much of a file is zeros; what was written last matters most.
    const end = bytes.findLastIndex((byte) => byte !== 0);
    const from = dice.happens(0.5) ? 0 : Math.max(0, end - NEWEST_BYTES);
    const to = dice.happens(0.5) ? bytes.length : end + 1;
    const bit = 8 * from + dice.below(Math.max(1, 8 * (to - from)));
    cluster.note(`${frail} ${path}: bit ${bit} rots`);
    cluster.mayEnd(frail, 'ROT', 'FORMAT');
    disk.flip(path, bit);
    return nothing;
  },

  'mislaid write': ({ cluster, swarm, dice }) => {
    const { frail } = swarm;
    const disk = cluster.disk(frail);
    const path = disk.paths().findLast((one) => one.endsWith('.log') && hasBatches(disk.contents(one)));
    if (path === undefined) return nothing;
    const by = 512 * (1 + dice.below(8)) * (dice.happens(0.5) ? 1 : -1);
    cluster.note(`${frail} ${path}: the next write goes ${by} bytes astray`);
    cluster.mayEnd(frail, 'ROT', 'FORMAT');
    disk.faults.misdirect(path, by);
    return nothing;
  },
} satisfies Record<string, Mischief>;

/** What is not undone. */
export const FOR_GOOD: ReadonlySet<string> = new Set(['bit rot', 'mislaid write'] satisfies MischiefName[]);

/** The name of a kind of mischief. */
export type MischiefName = keyof typeof MISCHIEF;

/** From whom to whom. */
type Way = readonly [from: string, to: readonly string[]];

function block({ network }: SimulatedCluster, ways: readonly Way[]): () => void {
  const each = (act: (from: string, to: string) => void) => {
    for (const [from, to] of ways) for (const one of to) act(from, one);
  };
  each((from, to) => network.block(from, to));
  return () => each((from, to) => network.unblock(from, to));
}

// A segment starts with a sector of its own and is full of zeros.
function hasBatches(segment: Buffer): boolean {
  return segment.subarray(512, 1024).some((byte) => byte !== 0);
}

function node({ cluster, dice }: Stage): string {
  return cluster.ids[dice.below(cluster.ids.length)] ?? '';
}

function pair(stage: Stage): [string, string] {
  const a = node(stage);
  const others = stage.cluster.ids.filter((id) => id !== a);
  return [a, others[stage.dice.below(Math.max(1, others.length))] ?? ''];
}
