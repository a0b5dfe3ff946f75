/** Elections in a whole group: leaders that die, nodes that come back, links that work one way. All times are simulated. */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';

const ELECTION_MS = 1000;

describe('a group of three', () => {
  const elected = (seed: number): Cluster => {
    const cluster = new Cluster({ seed }).start();
    cluster.until(() => cluster.agrees());
    return cluster;
  };

  it('elects a leader without waiting for silence once a majority has met', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const cluster = new Cluster({ seed }).start('n1', 'n2');
      expect(
        cluster.until(() => cluster.agrees()),
        `seed ${seed}`,
      ).to.be.below(ELECTION_MS / 2);
    }
  });

  it('replaces a leader whose connections close within a tenth of an election timeout or a few rounds more', () => {
    let sum = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const cluster = elected(seed);
      cluster.crash(cluster.leader());
      const ms = cluster.until(() => cluster.leader() !== '');
      expect(ms, `seed ${seed}`).to.be.below(ELECTION_MS);
      sum += ms;
    }
    expect(sum / 50, 'on the average').to.be.below(150);
  });

  it('replaces a leader that falls silent, and that one steps down', () => {
    const cluster = elected(1);
    const old = cluster.leader();
    cluster.isolate(old);
    cluster.until(() => cluster.leader() !== old && cluster.leader() !== '');
    cluster.until(() => !cluster.group(old).leads);
    expect(cluster.group(old).leader, 'it names no leader').to.equal('');
  });

  it('resolves split votes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const cluster = elected(seed);
      const [a = '', b = ''] = cluster.followers();
      cluster.crash(cluster.leader());
      // Both at once, again and again: only chance can part them.
      for (let i = 0; i < 3; i++) for (const id of [a, b]) cluster.group(id).tick(cluster.group(id).deadline());
      cluster.until(() => cluster.leader() !== '', 10 * ELECTION_MS);
    }
  });

  it('elects with disks that take long for a vote', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = elected(seed);
      for (const id of cluster.ids) cluster.setDisk(id, ELECTION_MS / 4);
      cluster.crash(cluster.leader());
      cluster.until(() => cluster.leader() !== '', 10 * ELECTION_MS);
    }
  });

  it('is not disturbed by a node that comes back, however long it was alone', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = elected(seed);
      const leads = cluster.leader();
      const { term } = cluster.group(leads);
      const [away = ''] = cluster.followers();
      cluster.isolate(away);
      cluster.pass(30 * ELECTION_MS);
      expect(cluster.group(away).term, 'alone it does not enter new terms').to.equal(term);
      cluster.heal();
      cluster.until(() => cluster.agrees());
      cluster.crash(away);
      cluster.pass(ELECTION_MS);
      cluster.start(away);
      cluster.until(() => cluster.agrees());
      cluster.pass(5 * ELECTION_MS);
      expect([cluster.leader(), cluster.group(leads).term]).to.deep.equal([leads, term]);
    }
  });

  it('is not disturbed by a node that can send and does not hear', () => {
    const cluster = elected(3);
    const leads = cluster.leader();
    const { term } = cluster.group(leads);
    const [deaf = ''] = cluster.followers();
    for (const id of cluster.ids) cluster.block(id, deaf);
    cluster.pass(30 * ELECTION_MS);
    expect([cluster.leader(), cluster.group(leads).term]).to.deep.equal([leads, term]);
  });

  it('is not disturbed by a node that only the leader cannot reach', () => {
    const cluster = elected(4);
    const leads = cluster.leader();
    const { term } = cluster.group(leads);
    const [apart = ''] = cluster.followers();
    cluster.sever(leads, apart);
    cluster.pass(30 * ELECTION_MS);
    expect([cluster.leader(), cluster.group(leads).term]).to.deep.equal([leads, term]);
    expect(cluster.group(apart).leader).to.equal('');
  });

  it('gets a leader although the old one hears everything and is heard by nobody', () => {
    const cluster = elected(5);
    const mute = cluster.leader();
    for (const id of cluster.ids) cluster.block(mute, id);
    cluster.until(() => cluster.leader() !== mute && cluster.leader() !== '');
    cluster.until(() => !cluster.group(mute).leads);
  });

  it('elects only one that holds what is committed', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = elected(seed);
      const [behind = '', ahead = ''] = cluster.followers();
      cluster.isolate(behind);
      cluster.propose(cluster.leader(), 'committed');
      cluster.until(() => cluster.checks.committed('g') === cluster.group(cluster.leader()).log.last);
      const old = cluster.leader();
      cluster.heal();
      cluster.sever(old, behind);
      cluster.crash(old);
      cluster.until(() => cluster.leader() !== '');
      expect(cluster.leader()).to.equal(ahead);
    }
  });

  it('goes on after all of it lost its power', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = elected(seed);
      for (let i = 0; i < 20; i++) cluster.propose(cluster.leader(), `${i}`);
      cluster.pass(cluster.pick(5));
      for (const id of cluster.ids) cluster.crash(id);
      cluster.start();
      cluster.until(() => cluster.agrees());
      expect(cluster.group('n1').commit).to.be.at.least(cluster.checks.committed('g'));
    }
  });
});
