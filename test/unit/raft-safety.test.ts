/**
 * Everything at once, from many seeds: messages lost, doubled, late and out of order, links that close, one-way silence, slow and hanging
 * disks, crashes that take what was not synced. After every event the promises of Raft must hold; healed, the cluster must work again.
 */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';

const SEEDS = Number(process.env['SEEDS'] ?? 300);
const STEPS = Number(process.env['STEPS'] ?? 60);

interface Tally {
  proposed: number;
  committed: number;
  reads: number;
}

function explore(seed: number): Tally {
  const cluster = new Cluster({
    seed,
    ids: seed % 5 === 0 ? ['n1', 'n2', 'n3', 'n4', 'n5'] : ['n1', 'n2', 'n3'],
    // Small enough that logs are read back from disk, runs are cut and windows are full.
    settings: {
      election_ms: 100,
      heartbeat_ms: 10,
      resend_ms: 50,
      appends_in_flight_max: 3,
      append_bytes_max: 200,
      append_bytes_in_flight_max: 500,
      append_runs_max: 4,
      run_bytes_max: 30,
      log_cache_bytes_max: seed % 2 === 0 ? 300 : 1 << 20,
    },
  });
  const tally: Tally = { proposed: 0, committed: 0, reads: 0 };
  const any = () => cluster.ids[cluster.pick(cluster.ids.length)] ?? 'n1';
  cluster.start();
  for (let step = 0; step < STEPS; step++) {
    cluster.pass(cluster.pick(40));
    for (let i = cluster.pick(4); i > 0; i--) {
      const id = cluster.pick(3) === 0 ? any() : cluster.leader() || any();
      if (!cluster.isUp(id)) continue;
      if (cluster.pick(3) === 0) cluster.read(id);
      else if (typeof cluster.propose(id, `word ${tally.proposed}`) === 'number') tally.proposed++;
    }
    misfortune(cluster, any);
  }
  cluster.heal();
  cluster.start();
  cluster.until(() => cluster.agrees(), 5000);
  const takes = () => cluster.leader() !== '' && typeof cluster.propose(cluster.leader(), 'the last word') === 'number';
  cluster.until(takes, 5000);
  cluster.until(() => cluster.agrees(), 5000);
  tally.committed = cluster.checks.committed('g');
  for (const id of cluster.ids)
    for (const { result } of cluster.machine(id).asked) if (result?.refused === false) tally.reads++;
  return tally;
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
    case 2:
    case 3:
      cluster.start(id);
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
    case 10:
    case 11:
      cluster.heal();
      cluster.start();
      break;
    default:
      break;
  }
}

describe('a group of Raft under every misfortune', () => {
  const total: Tally = { proposed: 0, committed: 0, reads: 0 };

  for (let first = 1; first <= SEEDS; first += 50)
    it(`keeps Election Safety, Log Matching, Leader Completeness and State Machine Safety, seeds from ${first}`, function () {
      this.timeout(60_000);
      for (let seed = first; seed < first + 50; seed++) {
        try {
          const tally = explore(seed);
          total.proposed += tally.proposed;
          total.committed += tally.committed;
          total.reads += tally.reads;
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });

  it('was tried in earnest: much was proposed, committed and read', () => {
    expect(total.proposed).to.be.greaterThan(5 * SEEDS);
    expect(total.committed).to.be.greaterThan(5 * SEEDS);
    expect(total.reads).to.be.greaterThan(SEEDS);
  });
});
