/**
 * Everything at once, from many seeds: messages lost, doubled, late and out of order, links that close, one-way silence, nodes that
 * stand still, slow and hanging disks, crashes that take what was not synced, logs given back below checkpoints, snapshots in their place,
 * disks that lose what was synced. After every event the promises of Raft must hold; healed, the cluster must work again.
 */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';
import { DAMAGES } from './raft-disk.js';
import { GROUP } from './raft-harness.js';

const SEEDS = 400;
const STEPS = 200;

interface Tally {
  proposed: number;
  committed: number;
  reads: number;
  snapshots: number;
  repairs: number;
}

function explore(seed: number): Tally {
  // Half of the seeds send entries one by one and strike most new leaders: what figure 8 is made of.
  const cruel = seed % 2 === 0;
  const cluster = new Cluster({
    seed,
    ids: seed % 5 === 0 ? ['n1', 'n2', 'n3', 'n4', 'n5'] : ['n1', 'n2', 'n3'],
    // Small enough that logs are read back from disk, runs are cut, and windows are full.
    settings: {
      election_ms: 60,
      heartbeat_ms: 10,
      resend_ms: 30,
      appends_in_flight_max: cruel ? 1 : 3,
      append_bytes_max: 200,
      append_bytes_in_flight_max: 500,
      append_runs_max: cruel ? 1 : 4,
      run_bytes_max: 30,
      log_cache_bytes_max: seed % 3 === 0 ? 1 << 20 : 300,
    },
  });
  const latency_ms = cluster.pick(2) === 0 ? 1 : 1 + cluster.pick(25);
  const pace = [4, 12, 40, 100][cluster.pick(4)] ?? 40;
  const tally: Tally = { proposed: 0, committed: 0, reads: 0, snapshots: 0, repairs: 0 };
  // A third of the seeds keep their whole log; the others give it back soon, or keep some for the absent.
  const tail = [-1, 0, 6][seed % 3] ?? 0;
  const any = () => cluster.ids[cluster.pick(cluster.ids.length)] ?? 'n1';
  const say = (id: string) => {
    if (cluster.isUp(id) && typeof cluster.propose(id, `word ${tally.proposed}`) === 'number') tally.proposed++;
  };
  let struck = '';
  cluster.start();
  cluster.weather.latency_ms = latency_ms;
  for (let step = 0; step < STEPS; step++) {
    cluster.pass(cluster.pick(pace));
    for (let i = cluster.pick(4); i > 0; i--) {
      const id = cluster.pick(3) === 0 ? any() : cluster.leader() || any();
      if (cluster.pick(2) === 0) say(id);
      else if (cluster.isUp(id)) cluster.read(id);
    }
    const leader = cluster.leader();
    if (leader !== '' && leader !== struck && cluster.pick(4) < (cruel ? 3 : 1)) strike(cluster, leader, say);
    struck = leader;
    misfortune(cluster, any);
    if (tail >= 0) {
      forget(cluster, tail);
      if (leader !== '' && cluster.isUp(leader) && cluster.pick(12) === 0) betray(cluster, leader, say);
    }
    cluster.weather.latency_ms = Math.max(latency_ms, cluster.weather.latency_ms);
    for (const id of cluster.ids) if (cluster.pick(8) === 0) cluster.start(id);
    for (const id of cluster.ids) if (cluster.pick(4) === 0) cluster.resume(id);
  }
  cluster.heal();
  // Whoever dies with a snapshot or a repair just written down is started again.
  const agrees = () => cluster.start().agrees();
  cluster.until(agrees, 5000);
  const takes = () => cluster.leader() !== '' && typeof cluster.propose(cluster.leader(), 'the last word') === 'number';
  cluster.until(takes, 5000);
  cluster.until(agrees, 5000);
  tally.committed = cluster.checks.committed('g');
  tally.reads = cluster.reads;
  expect(new Set(cluster.ids.map((id) => cluster.machine(id).state(GROUP).join())).size, 'all hold the same').to.equal(
    1,
  );
  tally.snapshots = cluster.installed;
  tally.repairs = cluster.repairs;
  return tally;
}

// Checkpoints that take their time, and disks of the dead that lose what they held.
function forget(cluster: Cluster, tail: number): void {
  for (const id of cluster.up) if (cluster.pick(6) === 0) cluster.checkpoint(id, tail, 1 + cluster.pick(20));
  for (const id of cluster.ids) if (!cluster.isUp(id) && cluster.pick(12) === 0) lose(cluster, id);
}

function lose(cluster: Cluster, id: string): void {
  const { runs } = cluster.machine(id).diskOf(GROUP);
  const first = runs[0]?.first ?? 1;
  const last = runs.at(-1)?.first ?? 1;
  cluster.damage(id, DAMAGES[cluster.pick(DAMAGES.length)] ?? 'all', first + cluster.pick(last - first + 1));
}

// What repair is about: a bare majority commits, one of it loses its disk and comes back, and the leader is gone before that one is filled.
function betray(cluster: Cluster, leader: string, say: (id: string) => void): void {
  const others = cluster.up.filter((id) => id !== leader);
  const chosen = others[cluster.pick(others.length)];
  if (chosen === undefined) return;
  const majority = [leader, chosen, ...others.filter((id) => id !== chosen)].slice(0, (cluster.ids.length >> 1) + 1);
  for (const id of cluster.ids) if (!majority.includes(id)) cluster.isolate(id);
  for (let i = 1 + cluster.pick(4); i > 0; i--) say(leader);
  if (cluster.pick(3) === 0) cluster.setDisk(leader, 60);
  cluster.pass(1 + cluster.pick(40));
  cluster.crash(chosen);
  lose(cluster, chosen);
  cluster.heal();
  for (const id of cluster.ids) if (!majority.includes(id)) cluster.block(leader, id);
  cluster.start(chosen);
  cluster.pass(cluster.pick(30));
  if (cluster.pick(2) === 0) cluster.isolate(leader);
  else cluster.crash(leader);
  cluster.pass(cluster.pick(300));
}

// The moments that matter: a leader just elected is cut off, hears what it may still be told, and dies or not.
function strike(cluster: Cluster, leader: string, say: (id: string) => void): void {
  if (cluster.pick(2) === 0) cluster.isolate(leader);
  else for (const id of cluster.ids) if (cluster.pick(3) > 0) cluster.block(leader, id);
  for (let i = cluster.pick(4); i > 0; i--) say(leader);
  cluster.pass(cluster.pick(6));
  if (cluster.pick(2) === 0) cluster.crash(leader);
}

function misfortune(cluster: Cluster, any: () => string): void {
  const id = any();
  switch (cluster.pick(16)) {
    case 0:
      cluster.crash(id);
      break;
    case 1:
      for (const one of cluster.ids) cluster.crash(one);
      break;
    case 4:
      cluster.sever(id, any());
      break;
    case 5:
      cluster.block(id, any());
      break;
    case 6:
      cluster.isolate(cluster.leader() || id);
      break;
    case 7:
      cluster.setDisk(id, [1, 5, 60, Number.POSITIVE_INFINITY][cluster.pick(4)] ?? 1);
      break;
    case 8:
      if (cluster.leader() !== '') cluster.transfer(cluster.leader(), id);
      break;
    case 9:
      Object.assign(cluster.weather, {
        lose: cluster.pick(30),
        double: cluster.pick(30),
        latency_ms: 1 + cluster.pick(30),
      });
      break;
    case 2:
      cluster.pause(id);
      break;
    case 3:
      cluster.pause(cluster.leader() || id);
      break;
    case 10:
    case 11:
    case 12:
    case 13:
      cluster.heal();
      break;
    default:
      break;
  }
}

describe('a group of Raft under every misfortune', () => {
  const total: Tally = { proposed: 0, committed: 0, reads: 0, snapshots: 0, repairs: 0 };

  for (let first = 1; first <= SEEDS; first += 50)
    it(`keeps Election Safety, Log Matching, Leader Completeness and State Machine Safety, seeds from ${first}`, function () {
      this.timeout(60_000);
      for (let seed = first; seed < first + 50; seed++) {
        try {
          const tally = explore(seed);
          total.proposed += tally.proposed;
          total.committed += tally.committed;
          total.reads += tally.reads;
          total.snapshots += tally.snapshots;
          total.repairs += tally.repairs;
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });

  it('was tried in earnest: much was proposed, committed and read, sent as a snapshot and repaired', () => {
    expect(total.proposed).to.be.greaterThan(5 * SEEDS);
    expect(total.committed).to.be.greaterThan(5 * SEEDS);
    expect(total.reads).to.be.greaterThan(SEEDS);
    expect(total.snapshots).to.be.greaterThan(SEEDS / 2);
    expect(total.repairs).to.be.greaterThan(SEEDS / 4);
  });
});
