/** What can go wrong with checkpoints, with snapshots on their way, and with what a disk has of a node's state. */
import { HEADER_BYTES } from '../../node/storage/segment.js';
import type { SimulatedCluster } from './cluster.js';
import { between, block, type Mischief, node, nothing, type Stage } from './stage.js';

/** The file by whose path faults find a base. */
const BASE_FILE = 'data.mdb';
/** How often is looked whether something has come to pass, ms, and for how long at most. */
const LOOK_MS = 20;
const LOOKS_MAX = 1000;

/** Every kind. */
export const STATE_MISCHIEF = {
  'failing base': (stage) => {
    const { cluster, dice } = stage;
    const id = node(stage);
    cluster.note(`${id} is going to fail in a commit of its base`);
    cluster.mayEnd(id, 'EIO');
    cluster.disk(id).faults.fail({ operation: 'sync', code: 'EIO', path: BASE_FILE, skip: dice.below(4) });
    return nothing;
  },

  // Written and not flushed, flushed and not told, or told just now.
  'end about a commit': (stage) => {
    const { cluster, dice } = stage;
    const id = node(stage);
    const power = dice.happens(0.7);
    const ms = dice.happens(0.5) ? 0 : 40 * dice.chance();
    cluster.disk(id).faults.ambush({ operation: 'sync', path: BASE_FILE, skip: dice.below(4) }, () => {
      cluster.count('node ended about a commit of its base');
      cluster.time.add(ms, () => (power ? cluster.cutPower(id) : cluster.kill(id)), null);
      cluster.time.add(ms + dice.between(20, 3000), () => cluster.start(id), null);
    });
    return nothing;
  },

  'slow base': (stage) => {
    const id = node(stage);
    const ms = stage.dice.between(2, 4000);
    stage.cluster.note(`the base of ${id} takes ${ms.toFixed(0)} ms to commit`);
    const { faults } = stage.cluster.disk(id);
    faults.slow({ operation: 'sync', path: BASE_FILE, ms });
    return () => faults.hasten();
  },

  // Until the log that it needs is given back, or for long.
  'kept away': (stage) => {
    const { cluster } = stage;
    const id = node(stage);
    const others = cluster.ids.filter((other) => other !== id);
    if (others.length === 0) return nothing;
    cluster.note(`${id} is kept away until it needs a snapshot`);
    const comeBack = block(cluster, between(id, others));
    const last = new Map(GROUPS.map((group) => [group, cluster.replica(id, group)?.raft.log.last ?? 0]));
    const isGone = (other: string, group: string) =>
      (cluster.replica(other, group)?.raft.log.start.index ?? 0) > (last.get(group) ?? 0);
    let over = false;
    const end = () => {
      if (!over) comeBack();
      over = true;
    };
    once(stage, () => over || GROUPS.some((group) => others.some((other) => isGone(other, group))), end, end);
    return nothing;
  },

  'end during a snapshot': (stage) => {
    const { cluster, dice, after } = stage;
    cluster.onSnapshot((from, to) => {
      const id = dice.happens(0.5) ? from : to;
      const power = dice.happens(0.5);
      cluster.count('node ended during a snapshot');
      after(150 * dice.chance(), () => {
        if (power) cluster.cutPower(id);
        else cluster.kill(id);
        after(dice.between(20, 3000), () => cluster.start(id));
      });
    });
    return nothing;
  },

  'link lost during a snapshot': ({ cluster, dice, after }) => {
    cluster.onSnapshot((from, to) => {
      cluster.count('link lost during a snapshot');
      after(100 * dice.chance(), () => {
        if (dice.happens(0.5)) cluster.network.cut(from, to);
        else after(dice.between(20, 5000), block(cluster, between(to, [from])));
      });
    });
    return nothing;
  },

  'leader change during a snapshot': ({ cluster, dice, after }) => {
    cluster.onSnapshot((from, to, group) => {
      const others = cluster.ids.filter((id) => id !== from && id !== to);
      const heir = others[dice.below(Math.max(1, others.length))];
      if (heir === undefined) return;
      cluster.count('leader change during a snapshot');
      after(100 * dice.chance(), () => cluster.replica(from, group)?.raft.transfer(heir, cluster.time.now()));
    });
    return nothing;
  },

  'rot of a row': ({ cluster, swarm: { frail } }) => {
    cluster.damaged(frail);
    if (cluster.rotRow(frail)) cluster.note(`${frail} a row of the base rots`);
    return nothing;
  },

  'rot in the middle of the log': ({ cluster, swarm: { frail }, dice }) => {
    const disk = cluster.disk(frail);
    const [path] = segments(cluster, frail);
    if (path === undefined) return nothing;
    const end = disk.contents(path).findLastIndex((byte) => byte !== 0);
    const bit = dice.below(Math.max(1, 4 * end));
    cluster.note(`${frail} ${path}: bit ${bit} of ${8 * end} rots`);
    cluster.damaged(frail);
    disk.flip(path, bit);
    return nothing;
  },

  // Of the last one with a batch in it nothing tells that it was there.
  'segment lost': (stage) =>
    lose(stage, (id) => {
      const paths = segments(stage.cluster, id).slice(0, -1);
      return paths[stage.dice.below(Math.max(1, paths.length))];
    }),

  'log lost': (stage) => lose(stage, (id) => `/${id}/log`),

  'base lost': (stage) => lose(stage, (id) => `/${id}/base`),

  'power cut during repair': (stage) => {
    const { cluster, dice, swarm, after } = stage;
    const { frail } = swarm;
    const repairs = () => GROUPS.some((group) => cluster.replica(frail, group)?.raft.repairing);
    once(stage, repairs, () => {
      after(dice.between(0, 500), () => {
        cluster.count('power cut during repair');
        cluster.cutPower(frail);
        after(dice.between(20, 3000), () => cluster.start(frail));
      });
    });
    return nothing;
  },
} satisfies Record<string, Mischief>;

const GROUPS = ['c', 's0'];

/** The node goes down, and what is named is not there any more when it comes back. */
function lose({ cluster, swarm: { frail }, dice }: Stage, what: (id: string) => string | undefined): () => void {
  if (dice.happens(0.5)) cluster.kill(frail);
  else cluster.cutPower(frail);
  const path = what(frail);
  if (path !== undefined) {
    cluster.note(`${frail} loses ${path}`);
    cluster.damaged(frail);
    cluster.lose(frail, path);
  }
  return () => cluster.start(frail);
}

/** Segments with something in them, oldest first. */
function segments(cluster: SimulatedCluster, id: string): string[] {
  const disk = cluster.disk(id);
  const isUsed = (path: string) =>
    disk
      .contents(path)
      .subarray(HEADER_BYTES)
      .some((byte) => byte !== 0);
  return cluster.segments(id).filter(isUsed);
}

/** Does something as soon as a condition holds; `never` when it has not for long. */
function once({ after }: Stage, condition: () => boolean, act: () => void, never: () => void = nothing): void {
  let looks = 0;
  const look = () => {
    if (condition()) act();
    else if (++looks < LOOKS_MAX) after(LOOK_MS, look);
    else never();
  };
  look();
}
