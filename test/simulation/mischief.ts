/** All that can go wrong in a simulated cluster, by name: what is done, and how it is undone. */

import type { SimulatedCluster } from './cluster.js';
import type { Operation } from './faults.js';
import { STATE_MISCHIEF } from './mischief-state.js';
import { between, block, type Mischief, node, nothing, pair, someLeader, toAll } from './stage.js';

/** How often is looked whether a leader that was cut off has a successor, ms. */
const SUCCESSION_LOOK_MS = 20;
/** What was written last to a file, about, bytes. */
const NEWEST_BYTES = 1024;

/** Errors of the disk with which a node may end. */
const DISK_ERRORS = ['EIO', 'ENOSPC'];
/** Calls that fail or in which a node ends, as often as they stand here. */
const CALLS: readonly [Operation, ...Operation[]] = ['sync', 'sync', 'write', 'read', 'syncFolder', 'open', 'rename'];

const OLD_MISCHIEF = {
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
    return block(stage.cluster, between(id, others));
  },

  // The others know at once and elect another; it learns nothing until it misses them.
  'leader cut off unawares': (stage) => {
    const [leader] = someLeader(stage);
    return leader === '' ? nothing : cutOffUnawares(stage.cluster, leader);
  },

  // It hears from those who follow another now, and not from that one.
  'leader back behind its successor': (stage) => {
    const { cluster, after } = stage;
    const [leader, group] = someLeader(stage);
    if (leader === '') return nothing;
    const comeBack = cutOffUnawares(cluster, leader);
    const look = () => {
      const leaders = cluster.leaders(group);
      if (!leaders.includes(leader)) return;
      const heir = leaders.find((id) => id !== leader);
      if (heir === undefined) after(SUCCESSION_LOOK_MS, look);
      else {
        comeBack();
        block(cluster, between(leader, [heir]));
      }
    };
    look();
    return comeBack;
  },

  'one-way isolation': (stage) => {
    const id = node(stage);
    const others = stage.cluster.ids.filter((other) => other !== id);
    return block(stage.cluster, stage.dice.happens(0.5) ? [[id, others]] : toAll(others, id));
  },

  'cut between two': (stage) => {
    const [a, b] = pair(stage);
    return block(stage.cluster, between(a, [b]));
  },

  'one-way cut between two': (stage) => {
    const [a, b] = pair(stage);
    return block(stage.cluster, [[a, [b]]]);
  },

  // For about as long as its session lasts, and one way longer than the other. What it asked last may be answered late.
  'client alone': (stage) => {
    const { cluster, dice, swarm, after } = stage;
    const { ids } = cluster;
    const { ttl_ms } = swarm;
    const name = dice.one(['', ...stage.clients()]);
    if (name === '') return nothing;
    cluster.note(`${name} is alone`);
    const unanswered = block(cluster, toAll(ids, name));
    const mute_ms = dice.happens(0.5) ? 0 : 0.4 * dice.chance() * ttl_ms;
    const ms = (0.3 + 1.2 * dice.chance()) * ttl_ms;
    const late_ms = dice.one([ms, dice.chance() * ms, 0.3 * dice.chance() * ttl_ms]);
    after(mute_ms, () => after(ms, block(cluster, [[name, ids]])));
    after(mute_ms + late_ms, unanswered);
    return nothing;
  },

  'client cut off': (stage) => {
    const client = stage.dice.one(['', ...stage.clients()]);
    const id = node(stage);
    return stage.dice.happens(0.5)
      ? block(stage.cluster, [[client, [id]]])
      : block(stage.cluster, between(client, [id]));
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
    const [first, ...others] = disk.paths().filter((path) => !path.includes('.damaged-'));
    if (first === undefined) return nothing;
    const path = dice.one([first, ...others]);
    const bytes = disk.contents(path);
    // Much of a file is zeros; what was written last matters most.
    const end = bytes.findLastIndex((byte) => byte !== 0);
    const from = dice.happens(0.5) ? 0 : Math.max(0, end - NEWEST_BYTES);
    const to = dice.happens(0.5) ? bytes.length : end + 1;
    const bit = 8 * from + dice.below(Math.max(1, 8 * (to - from)));
    cluster.note(`${frail} ${path}: bit ${bit} rots`);
    cluster.damaged(frail);
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
    cluster.damaged(frail);
    disk.faults.misdirect(path, by);
    return nothing;
  },
} satisfies Record<string, Mischief>;

/** Every kind. What damages a disk befalls only the node that the seed calls frail. */
export const MISCHIEF = { ...OLD_MISCHIEF, ...STATE_MISCHIEF };

/** The name of a kind of mischief. */
export type MischiefName = keyof typeof MISCHIEF;

/** What is on a disk afterwards is not what was written: another start has to mend it. */
export const DAMAGE: ReadonlySet<string> = new Set<MischiefName>([
  'bit rot',
  'mislaid write',
  'rot of a row',
  'rot in the middle of the log',
  'segment lost',
  'log lost',
  'base lost',
  'power cut during repair',
]);

/** Kinds that came later: a seed draws them last. */
export const LATER: ReadonlySet<MischiefName> = new Set(Object.keys(STATE_MISCHIEF) as MischiefName[]);

// A segment starts with a sector of its own and is full of zeros.
function hasBatches(segment: Buffer): boolean {
  return segment.subarray(512, 1024).some((byte) => byte !== 0);
}

function cutOffUnawares(cluster: SimulatedCluster, leader: string): () => void {
  const others = cluster.ids.filter((id) => id !== leader);
  for (const other of others) cluster.network.drop(other, leader);
  return block(cluster, between(leader, others));
}
