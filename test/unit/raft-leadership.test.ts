/** Leaders that watch themselves, and leaders that hand over. Sections are those of the Raft thesis. */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';
import { ack, append, follower, GROUP, leader, settledLeader } from './raft-harness.js';

const ELECTION_MS = 1000;
const timeoutNow = (term: number) => ({ kind: 'timeout_now' as const, group: GROUP, term });

describe('a leader that no majority answers (thesis 6.2)', () => {
  it('steps down within an election timeout, and names no leader', () => {
    const core = settledLeader().pass(1.5 * ELECTION_MS);
    expect(core.raft.view()).to.include({ role: 'follower', leader: '', term: 1 });
    expect(core.raft.take().reason).to.equal('');
  });

  it('stays while a majority does', () => {
    const core = settledLeader();
    for (let i = 0; i < 50; i++) {
      core.beat('n2');
      core.pass(100).answerRound('n2');
    }
    expect(core.role).to.equal('leader');
  });

  it('counts when a heartbeat was sent, not when its answer came', () => {
    const core = settledLeader();
    core.beat('n2');
    const sentAt = core.now;
    core.pass(0.9 * ELECTION_MS).answerRound('n2', { sentAt });
    expect(core.pass(0.5 * ELECTION_MS).role).to.equal('follower');
  });

  it('does not count those who follow another, nor those who have no vote', () => {
    const core = leader({ configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4'] } });
    for (let i = 0; i < 15; i++) {
      core.beat('n2', 'n4');
      core.pass(100).answerRound('n2', { stray: 0 }).answerRound('n4');
    }
    expect(core.role).to.equal('follower');
  });

  it('has a whole election timeout from its election', () => {
    const core = leader({ seed: 7 });
    expect(core.pass(0.95 * ELECTION_MS).role).to.equal('leader');
  });
});

describe('a leader whose work stands still', () => {
  const busy = (core: ReturnType<typeof settledLeader>, ms: number, ...answering: string[]) => {
    for (let i = 0; i < ms / 100; i++) {
      core.beat(...answering);
      for (const id of answering) core.answerRound(id);
      core.pass(100);
    }
    return core;
  };

  it('hands over when its own disk has not synced for an election timeout, though all else works', () => {
    const core = settledLeader();
    core.propose('a');
    core.startSave().hear('n2', ack(1, 2)).hear('n3', ack(1, 2));
    busy(core, 2 * ELECTION_MS, 'n2', 'n3');
    expect(core.raft.commit).to.equal(2);
    expect(core.take('timeout_now')).to.deep.equal([timeoutNow(1)]);
  });

  it('does not while its disk works', () => {
    const core = settledLeader();
    for (let i = 0; i < 30; i++) {
      core.propose(`${i}`);
      core.sync().hear('n2', ack(1, core.raft.log.last));
      busy(core, 100, 'n2', 'n3');
    }
    expect(core.take('timeout_now')).to.deep.equal([]);
  });

  it('hands over when entries do not commit, and takes proposals again when that leads to nothing', () => {
    const core = settledLeader();
    core.propose('a');
    core.sync();
    busy(core, 1.5 * ELECTION_MS, 'n2', 'n3');
    expect(core.propose('b')).to.equal('handing over');
    core.hear('n2', ack(1, 2));
    expect(core.take('timeout_now', 'n2')).to.deep.equal([timeoutNow(1)]);
    expect(busy(core, 1.5 * ELECTION_MS, 'n2', 'n3').propose('b')).to.equal(3);
  });

  it('does not while nothing is proposed', () => {
    expect(busy(settledLeader(), 10 * ELECTION_MS, 'n2', 'n3').propose('a')).to.equal(2);
  });

  it('is replaced in a cluster when its disk hangs, and what it had sent is not lost', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = new Cluster({ seed }).start();
      cluster.until(() => cluster.agrees());
      const old = cluster.leader();
      cluster.setDisk(old, Number.POSITIVE_INFINITY);
      const index = cluster.propose(old, 'a') as number;
      cluster.until(() => cluster.leader() !== old && cluster.leader() !== '', 10 * ELECTION_MS);
      expect(cluster.checks.committed('g')).to.be.at.least(index);
      cluster.propose(cluster.leader(), 'b');
      cluster.until(() => cluster.checks.committed('g') > index + 1);
      cluster.heal();
      cluster.until(() => cluster.agrees());
    }
  });
});

describe('a transfer of leadership (thesis 3.10)', () => {
  it('tells the heir to run once it has everything', () => {
    const core = settledLeader();
    core.propose('a');
    expect(core.transfer('n2')).to.equal(true);
    expect(core.take('timeout_now')).to.deep.equal([]);
    core.hear('n2', ack(1, 2));
    expect(core.only('timeout_now', 'n2')).to.deep.equal(timeoutNow(1));
  });

  it('tells it at once when it has everything, and only once', () => {
    const core = settledLeader();
    core.transfer('n2');
    core.hear('n2', ack(1, 1));
    expect(core.take('timeout_now', 'n2')).to.have.length(1);
  });

  it('refuses proposals while it runs', () => {
    const core = settledLeader();
    core.transfer('n2');
    expect(core.propose('a')).to.equal('handing over');
  });

  it('is over when the heir has not won within an election timeout: the leader goes on', () => {
    const core = settledLeader();
    core.transfer('n2');
    for (let i = 0; i < 10; i++) {
      core.beat('n2');
      core.pass(100).answerRound('n2');
    }
    expect(core.propose('a')).to.equal(2);
    expect(core.transfer('n3'), 'another can be begun').to.equal(true);
  });

  it('is over when the link to the heir closes before it was told', () => {
    const core = settledLeader();
    core.propose('a');
    core.transfer('n2');
    core.unlink('n2');
    expect(core.propose('b')).to.equal(3);
  });

  it('goes on when that link closes later: the heir may be running already', () => {
    const core = settledLeader();
    core.transfer('n2');
    core.unlink('n2');
    expect(core.propose('a')).to.equal('handing over');
    core.read(7);
    expect(core.reads[0]?.refused).to.equal(true);
  });

  it('is over when the leader steps down: elected again it takes proposals', () => {
    const cluster = new Cluster({ seed: 3 }).start();
    cluster.until(() => cluster.agrees());
    const old = cluster.leader();
    const [heir = ''] = cluster.followers();
    cluster.block(old, heir);
    cluster.transfer(old, heir);
    for (const id of cluster.ids) cluster.block(id, old);
    cluster.until(() => !cluster.group(old).leads);
    cluster.heal();
    cluster.until(() => cluster.agrees());
    if (cluster.leader() !== old) {
      cluster.transfer(cluster.leader(), old);
      cluster.until(() => cluster.leader() === old && cluster.agrees());
    }
    expect(cluster.propose(old, 'a')).to.be.a('number');
  });

  it('cannot go to oneself, to a learner, to a stranger, to one without a link, nor twice at once', () => {
    const core = leader({ configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4'] } }).unlink('n3');
    for (const to of ['n1', 'n3', 'n4', 'n9', '']) expect(core.transfer(to), to).to.equal(false);
    expect(core.transfer('n2')).to.equal(true);
    expect(core.transfer('n2')).to.equal(false);
    expect(follower('n2').transfer('n3'), 'nor from one that does not lead').to.equal(false);
  });

  it('makes the heir run without asking first, and with the leave of the old leader’s followers', () => {
    const core = follower('n2', { log: [1] })
      .hear('n2', timeoutNow(1))
      .sync();
    expect(core.raft.view()).to.include({ role: 'candidate', term: 2 });
    expect(core.take('vote_request', 'n3')[0]).to.include({ pre: false, transfer: true, term: 2 });
  });

  it('asks with that leave only once: what follows is an election like any other', () => {
    const core = follower('n2', { log: [1] })
      .hear('n2', timeoutNow(1))
      .sync();
    core.sent = [];
    core.timeOut();
    expect(core.take('vote_request', 'n3')[0]).to.include({ pre: true, transfer: false });
  });

  it('is not begun by an old message, nor by one who does not lead', () => {
    const core = follower('n2', { log: [1, 2] });
    core.hear('n2', timeoutNow(1)).hear('n3', timeoutNow(2));
    expect(core.role).to.equal('follower');
  });

  it('is not taken up by a learner', () => {
    const core = follower('n2', { log: [1], configuration: { voters: ['n2', 'n3'], outgoing: [], learners: ['n1'] } });
    expect(core.hear('n2', timeoutNow(1)).role).to.equal('learner');
  });

  it('takes a few round trips, and nothing that was proposed before is lost', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = new Cluster({ seed }).start();
      cluster.until(() => cluster.agrees());
      const index = cluster.propose(cluster.leader(), 'a') as number;
      const [heir = ''] = cluster.followers();
      cluster.transfer(cluster.leader(), heir);
      expect(cluster.until(() => cluster.leader() === heir)).to.be.below(20);
      cluster.until(() => cluster.agrees());
      expect(cluster.group(heir).commit).to.be.greaterThan(index);
    }
  });

  it('goes to the connected voter with the longest durable log when the leader chooses', () => {
    const core = leader({ configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4'] } });
    core.hear('n4', ack(1, 1)).hear('n3', ack(1, 1));
    expect(core.heir).to.equal('n3');
    expect(core.unlink('n3').heir).to.equal('n2');
    expect(core.unlink('n2').heir).to.equal('');
  });

  it('goes to nobody who was not heard of late: a voter that stands still keeps its link and takes nothing', () => {
    const core = leader().hear('n3', ack(1, 1));
    const answered = (...ids: string[]) => {
      core.beat('n2', 'n3');
      for (const id of ids) core.answerRound(id);
      return core.pass(100);
    };
    for (let i = 0; i < 3; i++) expect(answered('n2').heir, 'one answer may be late').to.equal('n3');
    expect(answered('n2').heir).to.equal('n2');
    expect(answered('n2', 'n3').heir).to.equal('n3');
    for (let i = 0; i < 4; i++) answered();
    expect(core.heir).to.equal('');
  });
});

describe('a leader that is told to resign', () => {
  it('does, says why, and waits like any follower', () => {
    const core = settledLeader();
    core.raft.resign('the disk is full', core.now);
    expect(core.raft.take()).to.include({ changed: true, reason: 'the disk is full' });
    expect(core.role).to.equal('follower');
    expect(core.hear('n2', append(2, 1, 1)).raft.leader).to.equal('n2');
  });
});
