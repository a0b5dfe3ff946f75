/** Reads without the log (thesis 6.4): nothing is answered that could be stale, and nothing waits for an answer that cannot come. */
import { expect } from 'chai';
import { Cluster } from './raft-cluster.js';
import { ack, append, Core, follower, GROUP, grant, leader, request, settledLeader } from './raft-harness.js';

const answer = (context: number, index: number, refused = false, term = 1) => ({
  kind: 'read_index_reply' as const,
  group: GROUP,
  term,
  context,
  index,
  refused,
});
const ask = (context: number, term = 1) => ({ kind: 'read_index' as const, group: GROUP, term, context });

describe('a read at the leader', () => {
  it('is answered when a majority has confirmed it after the read arrived', () => {
    const core = settledLeader().read(7);
    expect(core.reads).to.deep.equal([]);
    core.beat('n2', 'n3');
    expect(core.reads).to.deep.equal([]);
    core.answerRound('n3');
    expect(core.reads).to.deep.equal([{ context: 7, index: 1, refused: false }]);
  });

  it('is not confirmed by a round that was sent before it arrived', () => {
    const core = settledLeader();
    core.beat('n2', 'n3');
    core.read(7).answerRound('n2').answerRound('n3');
    expect(core.reads).to.deep.equal([]);
    expect(core.raft.wantsRound(2), 'it wants the next').to.equal(true);
  });

  it('is not confirmed by those who do not follow', () => {
    const core = settledLeader().read(7);
    core.beat('n2', 'n3');
    core.answerRound('n2', { stray: 0 });
    expect(core.reads).to.deep.equal([]);
    expect(core.role).to.equal('leader');
  });

  it('is not confirmed by one voter alone, however often', () => {
    const core = settledLeader({ members: ['n1', 'n2', 'n3', 'n4', 'n5'] }).read(7);
    core.beat('n2', 'n3');
    core.answerRound('n2').answerRound('n2');
    expect(core.reads).to.deep.equal([]);
    expect(core.answerRound('n3').reads).to.have.length(1);
  });

  it('is not answered before an entry of the leader’s own term is committed, though it is confirmed', () => {
    const core = leader({ log: [1] })
      .hear('n2', ack(2, 1))
      .read(7);
    core.beat('n2');
    core.answerRound('n2');
    expect(core.reads).to.deep.equal([]);
    core.hear('n2', ack(2, 2));
    expect(core.reads).to.deep.equal([{ context: 7, index: 2, refused: false }]);
  });

  it('is answered with what was committed when it arrived, or later', () => {
    const core = settledLeader();
    core.propose('a');
    core.sync().hear('n2', ack(1, 2)).read(7).beat('n2');
    expect(core.answerRound('n2').reads[0]?.index).to.equal(2);
  });

  it('is not confirmed by answers to rounds of an earlier leadership', () => {
    const core = settledLeader();
    core.beat('n2', 'n3');
    core.beat('n2', 'n3');
    // It loses its office and wins it again before the answers come.
    core.hear('n2', request(2, 9, 9, { transfer: true })).timeOut();
    for (const pre of [true, false]) core.hear('n3', grant(3, pre)).sync();
    expect(core.raft.view()).to.include({ role: 'leader', term: 3 });
    core.hear('n2', ack(3, core.raft.log.last)).read(7);
    core.answerRound('n2', { round: 1 }).answerRound('n2', { round: 2 });
    expect(core.reads).to.deep.equal([]);
    core.beat('n2');
    expect(core.answerRound('n2').reads).to.have.length(1);
  });

  it('is refused when the leader steps down, for whatever reason', () => {
    const core = settledLeader()
      .read(7)
      .hear('n2', ask(8))
      .hear('n2', append(5, 0, 0));
    expect(core.reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
    expect(core.only('read_index_reply', 'n2')).to.include({ context: 8, refused: true });
    const resigned = settledLeader().read(7);
    resigned.raft.resign('full', resigned.now);
    expect(resigned.raft.take().reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
  });

  it('is refused from the moment that an heir has been told to run', () => {
    const core = settledLeader();
    expect(core.transfer('n2')).to.equal(true);
    core.read(7);
    expect(core.reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
  });

  it('is refused when too many wait', () => {
    const core = settledLeader({ settings: { reads_max: 2 } })
      .read(1)
      .read(2)
      .read(3);
    expect(core.reads).to.deep.equal([{ context: 3, index: 0, refused: true }]);
  });
});

describe('a read at a follower', () => {
  it('is passed on to the leader, and answered with its answer', () => {
    const core = follower('n2').read(7);
    expect(core.only('read_index', 'n2')).to.deep.equal(ask(7));
    core.hear('n2', answer(7, 5));
    expect(core.reads).to.deep.equal([{ context: 7, index: 5, refused: false }]);
  });

  it('is refused at once when no leader is known', () => {
    expect(new Core().read(7).reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
  });

  it('is refused as soon as the link to the leader has closed', () => {
    expect(follower('n2').read(7).unlink('n2').reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
  });

  it('is refused when another leads, or when the follower looks for a new leader', () => {
    const core = follower('n2').read(7);
    core.heartbeat('n3', 2);
    expect(core.reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
    expect(follower('n2').read(7).timeOut().reads).to.deep.equal([{ context: 7, index: 0, refused: true }]);
  });

  it('is passed on again when the leader goes on and has not answered for long, oldest first and no more often', () => {
    const core = follower('n2', { settings: { resend_ms: 500, election_ms: 10_000 } }).read(7);
    core.pass(400).read(8).sent = [];
    const passedOn = () =>
      core.sent.splice(0).map(({ message }) => ('context' in message ? message.context : message.kind));
    core.pass(101).heartbeat('n2', 1);
    expect(passedOn()).to.deep.equal([7]);
    core.pass(400).heartbeat('n2', 1);
    expect(passedOn()).to.deep.equal([8]);
    core.heartbeat('n2', 1);
    expect(passedOn()).to.deep.equal([]);
    core.hear('n2', answer(7, 5)).pass(1000).heartbeat('n2', 1);
    expect(passedOn()).to.deep.equal([8]);
    expect(core.reads).to.deep.equal([{ context: 7, index: 5, refused: false }]);
  });

  it('is answered once: what comes after it was given up is not heard', () => {
    const core = follower('n2').read(7).unlink('n2').link('n2');
    core.heartbeat('n2', 1);
    core.reads = [];
    expect(core.hear('n2', answer(7, 5)).reads).to.deep.equal([]);
    core.read(8).hear('n2', answer(8, 5)).hear('n2', answer(8, 6));
    expect(core.reads).to.deep.equal([{ context: 8, index: 5, refused: false }]);
  });

  it('waits no more than many others may', () => {
    const core = follower('n2', { settings: { reads_max: 2 } })
      .read(1)
      .read(2)
      .read(3);
    expect(core.reads).to.deep.equal([{ context: 3, index: 0, refused: true }]);
  });
});

describe('a leader that is asked by a follower', () => {
  it('answers when a majority has confirmed it', () => {
    const core = settledLeader().hear('n2', ask(7));
    expect(core.take('read_index_reply')).to.deep.equal([]);
    core.beat('n3');
    expect(core.answerRound('n3').only('read_index_reply', 'n2')).to.deep.equal(answer(7, 1));
  });

  it('refuses one that is in another term', () => {
    const core = settledLeader();
    for (const term of [0, 2]) expect(core.hear('n2', ask(7, term)).only('read_index_reply').refused).to.equal(true);
  });

  it('refuses when it is not leader', () => {
    expect(follower('n2').hear('n3', ask(7)).only('read_index_reply', 'n3').refused).to.equal(true);
  });

  it('forgets the reads of a follower whose link has closed: its next life uses their numbers for others', () => {
    const core = settledLeader().hear('n2', ask(1)).unlink('n2');
    core.propose('a');
    core.link('n2').sync().hear('n2', ack(1, 2)).hear('n2', ask(1));
    core.beat('n2', 'n3');
    core.answerRound('n2').answerRound('n3');
    expect(core.only('read_index_reply', 'n2'), 'not the old index').to.include({ index: 2, refused: false });
  });
});

describe('reads in a group of three', () => {
  const elected = () => {
    const cluster = new Cluster({ seed: 2 }).start();
    cluster.until(() => cluster.agrees());
    return cluster;
  };

  it('are answered at every node, without waiting for the next heartbeat', () => {
    const cluster = elected();
    cluster.pass(1000);
    const reads = cluster.ids.map((id) => cluster.read(id));
    expect(cluster.until(() => reads.every(({ result }) => result?.refused === false))).to.be.below(10);
  });

  it('end in a refusal at a leader that is cut off, and at followers that hear of no other in time', () => {
    const cluster = elected();
    const old = cluster.leader();
    cluster.isolate(old);
    const reads = cluster.ids.map((id) => cluster.read(id));
    cluster.until(() => reads.every(({ result }) => result !== null), 5000);
    expect(reads.every(({ result }) => result?.refused)).to.equal(true);
  });

  it('at a follower see what any leader acknowledged before, when that follower has just come back', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const cluster = new Cluster({ seed }).start();
      cluster.until(() => cluster.agrees());
      const lead = cluster.leader();
      const [back = '', away = ''] = cluster.followers();
      cluster.crash(away);
      // The read waits at the leader for an answer that dies with the follower.
      cluster.read(back);
      cluster.pass(1.5);
      cluster.crash(back);
      cluster.start(back);
      cluster.pass(cluster.pick(4));
      cluster.propose(lead, 'written');
      const before = cluster.checks.committed('g');
      cluster.until(() => cluster.checks.committed('g') > before);
      const asked = cluster.read(back);
      cluster.until(() => asked.result !== null);
    }
  });
});
