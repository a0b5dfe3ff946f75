/** Cluster time: it may run late, never early, and never goes back. */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';
import { append, Core, follower, GROUP, grant, run, settledLeader } from './raft-harness.js';

/** Becomes leader with its first grants, without anything else happening. */
function elect(core: Core): Core {
  core
    .link('n2', 'n3')
    .timeOut()
    .hear('n2', grant(core.raft.term + 1, true))
    .sync();
  return core.hear('n2', grant(core.raft.term)).sync();
}

describe('cluster time', () => {
  it('advances on a leader by what elapses', () => {
    const core = settledLeader();
    const before = core.time;
    for (let i = 0; i < 20; i++) {
      core.beat('n2');
      core.pass(100).answerRound('n2');
    }
    expect(core.time - before).to.equal(2000);
  });

  it('advances on a leader to whom nothing happens', () => {
    const core = new Core({ members: ['n1'] }).timeOut().sync();
    const before = core.time;
    core.pass(60_000);
    expect(core.time - before).to.be.within(59_000, 60_000);
  });

  it('advances by half a second at most after a stall, however long that was', () => {
    const core = settledLeader();
    const before = core.time;
    core.now += 3600_000;
    core.raft.tick(core.now);
    expect(core.time - before).to.be.at.most(500);
  });

  it('loses no fractions', () => {
    const core = new Core({ members: ['n1'] }).timeOut().sync();
    const before = core.time;
    for (let i = 0; i < 1000; i++) {
      core.now += 0.7;
      core.raft.tick(core.now);
      expect(core.time).to.equal(Math.floor(core.time));
    }
    expect(core.time - before).to.be.within(699, 700);
  });

  it('stands still on a follower until it hears more', () => {
    const core = follower('n2', { log: [1] });
    core.heartbeat('n2', 1, 0, 5000);
    core.pass(900);
    expect(core.time).to.equal(5000);
    core.heartbeat('n2', 1, 0, 4000);
    expect(core.time, 'it does not go back').to.equal(5000);
    core.hear('n2', append(1, 1, 1, [run(1, 2, ['a'], 7000)]));
    expect(core.time).to.equal(7000);
  });

  it('goes on with a new leader from the greatest that it has heard', () => {
    const core = follower('n2', { log: [1] });
    core.heartbeat('n2', 1, 0, 5000);
    core.unlink('n2');
    const electedAt = core.now;
    expect(elect(core).time).to.be.within(5000, 5000 + core.now - electedAt);
    expect(core.raft.log.runAt(2)?.time).to.be.at.least(5000);
  });

  it('leaps over no time that a leader before the last one told: the last one had not heard it, and made entries', () => {
    const core = follower('n2', { log: [1] });
    core.heartbeat('n2', 1, 0, 5000);
    core.hear('n3', append(2, 1, 1, [run(2, 2, ['a'], 3000)]));
    expect(core.time).to.equal(3000);
    const electedAt = core.now;
    elect(core.unlink('n3'));
    expect(core.raft.log.runAt(3)?.time).to.be.within(3000, 3000 + core.now - electedAt);
  });

  it('leaps over no time that a leader told of whose entries none has come', () => {
    const core = follower('n2', { log: [1] });
    core.heartbeat('n2', 1, 0, 3000);
    core.heartbeat('n3', 2, 0, 5000);
    const electedAt = core.now;
    elect(core.unlink('n3'));
    expect(core.raft.log.runAt(2)?.time).to.be.within(3000, 3000 + core.now - electedAt);
  });

  it('leaps over no time of entries that are cut', () => {
    const core = follower('n2', { runs: [run(1, 1, ['a'], 1000), run(2, 2, ['b'], 5000)] });
    core.hear('n3', append(3, 1, 1, [run(1, 2, ['c'], 2000)]));
    const electedAt = core.now;
    elect(core.unlink('n3'));
    expect(core.raft.log.runAt(3)?.time).to.be.within(2000, 2000 + core.now - electedAt);
  });

  it('goes on after a restart from the greatest that is on the disk', () => {
    const core = elect(new Core({ runs: [run(1, 1, ['a'], 9000)] }));
    expect(core.raft.log.runAt(2)?.time).to.be.within(9000, 9001);
  });

  it('is not advanced by the time before the election', () => {
    const core = follower('n2', { log: [1] });
    core.heartbeat('n2', 1, 0, 5000);
    core.pass(900).unlink('n2');
    elect(core);
    expect(core.time).to.be.below(5100);
  });

  it('is the same in an entry at every replica, and tells heartbeats', () => {
    const core = settledLeader();
    core.pass(300);
    const { rows } = core.beat('n2');
    expect(rows).to.deep.equal([[GROUP, 1, 1, core.time]]);
    core.propose('a');
    expect(core.raft.log.runAt(2)?.time).to.equal(core.time);
  });

  it('never falls from entry to entry, nor runs ahead of real time, whoever leads', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = new Cluster({ seed }).start();
      for (let i = 0; i < 10; i++) {
        cluster.until(() => cluster.agrees());
        cluster.propose(cluster.leader(), `${i}`);
        cluster.pass(cluster.pick(1000));
        const old = cluster.leader();
        cluster.crash(old);
        cluster.until(() => cluster.leader() !== '');
        cluster.start(old);
      }
      cluster.until(() => cluster.agrees());
      const { log } = cluster.group(cluster.leader());
      let time = 0;
      for (let index = 1; index <= log.last; index++) {
        const at = log.runAt(index)?.time ?? -1;
        expect(at, `entry ${index}`).to.be.within(time, cluster.now);
        time = at;
      }
      expect(time).to.be.greaterThan(0);
    }
  });
});
