/** A replica whose disk lost part of what it held, or all: what it may do when, and what others make of it (node/raft/repair.ts). */
import { expect } from 'chai';
import { InvariantError } from '../../node/raft/types.js';
import { Cluster } from './raft-cluster.js';
import { DAMAGES } from './raft-disk.js';
import {
  ack,
  append,
  Core,
  type CoreOptions,
  checkpoint,
  GROUP,
  leader,
  logOf,
  reject,
  repairing,
  request,
  run,
  settledLeader,
} from './raft-harness.js';

const damaged = (options: CoreOptions = {}) => new Core({ repairing: true, ...options }).link('n2', 'n3');

/** One that has been told term 5 and follows n2 in it; nothing of that is durable yet. */
function filling(options: CoreOptions = {}): Core {
  const core = damaged(options).repairTerm(5);
  core.heartbeat('n2', 5);
  core.sent = [];
  return core;
}

/** Answers what it asked for its target. */
function answerTarget(core: Core, index: number, refused = false): Core {
  const { context, term } = core.only('read_index', 'n2');
  return core.hear('n2', { kind: 'read_index_reply', group: GROUP, term, context, index, refused });
}

describe('a damaged replica that does not know the term', () => {
  it('hears nothing and answers nothing', () => {
    const core = damaged({ log: [1, 1], hardState: { term: 2, vote: 'n3' } });
    const before = core.raft.view();
    core
      .hear('n2', append(3, 2, 1, [run(3, 3, ['x'])], 3))
      .hear('n2', request(4, 9, 3))
      .hear('n2', request(4, 9, 3, { pre: true }))
      .hear('n2', request(4, 9, 3, { transfer: true }))
      .hear('n2', { kind: 'timeout_now', group: GROUP, term: 2 });
    expect(core.sent).to.deep.equal([]);
    expect(core.raft.view()).to.deep.equal(before);
    expect(core.startSave().saving).to.deep.equal([]);
  });

  it('is a stray to whoever leads, so that no read and no majority counts it', () => {
    const core = damaged({ hardState: { term: 2, vote: '' } });
    expect([core.heartbeat('n2', 2), core.heartbeat('n2', 9)]).to.deep.equal([2, 2]);
    expect(core.raft.view()).to.include({ leader: '', term: 2 });
  });

  it('stands for nothing, however long nobody leads, nor takes a snapshot', () => {
    const core = damaged().pass(30_000);
    expect([core.sent, core.role]).to.deep.equal([[], 'follower']);
    expect(core.install(9, 0)).to.equal(false);
  });

  it('enters the greatest term of the others, durably, with a vote that nobody can be given', () => {
    const core = damaged({ log: [1, 2], hardState: { term: 0, vote: '' } })
      .repairTerm(5)
      .startSave();
    expect(core.saving[0]?.state).to.deep.equal({ term: 5, vote: 'n1' });
    expect(
      core
        .sync()
        .hear('n2', request(5, 9, 5))
        .only('vote_reply').granted,
    ).to.equal(false);
  });

  it('does so in its own term when none is greater: of a vote in it the record may be lost', () => {
    for (const vote of ['', 'n2']) {
      const core = damaged({ hardState: { term: 7, vote } })
        .repairTerm(5)
        .startSave();
      expect(core.saving[0]?.state).to.deep.equal({ term: 7, vote: 'n1' });
    }
  });

  it('is told once', () => {
    const core = damaged().repairTerm(5).repairTerm(9);
    expect(core.raft.term).to.equal(5);
  });

  it('believes the terms of its entries when the record of its own is lost', () => {
    expect(damaged({ log: [1, 4], hardState: { term: 0, vote: '' } }).repairTerm(2).raft.term).to.equal(4);
  });
});

describe('a replica under repair', () => {
  it('follows, keeps entries, and acknowledges them when they and the term are durable', () => {
    const core = filling().hear('n2', append(5, 0, 0, logOf([1, 5]), 2));
    expect(core.take('append_reply')).to.deep.equal([]);
    expect(core.sync().only('append_reply', 'n2')).to.deep.equal(repairing(ack(5, 2)));
    expect(core.raft.view()).to.include({ commit: 2, repairing: true, leader: 'n2' });
  });

  it('gives no votes and no pre-votes, in no term, however good the candidate', () => {
    const core = filling().sync();
    expect(core.hear('n3', request(9, 99, 9, { pre: true, transfer: true })).only('vote_reply').granted).to.equal(
      false,
    );
    expect(
      core
        .hear('n3', request(9, 99, 9, { transfer: true }))
        .sync()
        .only('vote_reply'),
    ).to.include({ granted: false, term: 9 });
  });

  it('does not stand, not even as an heir', () => {
    const core = filling().sync().hear('n2', { kind: 'timeout_now', group: GROUP, term: 5 }).unlink('n2').pass(20_000);
    expect(core.take('vote_request')).to.deep.equal([]);
    expect(core.role).to.equal('follower');
  });

  it('says with every answer that it is under repair', () => {
    const core = filling({ log: [1, 1], hardState: { term: 1, vote: '' } }).sync();
    expect(core.hear('n2', append(5, 9, 5)).only('append_reply')).to.deep.equal(repairing(reject(5, 9, 2, 1)));
  });

  it('commits only what was verified since, whatever its leader believes', () => {
    const core = filling({ log: [1, 1, 1], hardState: { term: 1, vote: '' } });
    expect(core.heartbeat('n2', 5, 9)).to.equal(null);
    expect(core.raft.commit).to.equal(0);
    core.hear('n2', append(5, 2, 1)).heartbeat('n2', 5, 9);
    expect(core.raft.commit, 'the third entry may be another').to.equal(2);
  });

  it('takes a snapshot like any other', () => {
    const core = filling().sync();
    expect(core.install(9, 5)).to.equal(true);
    expect(core.raft.view()).to.include({ commit: 9, repairing: true });
  });
});

describe('the end of a repair', () => {
  it('is where its durable log reaches a read index that was asked for since', () => {
    const core = filling()
      .hear('n2', append(5, 0, 0, logOf([1, 5, 5])))
      .sync();
    answerTarget(core, 5);
    expect(core.repaired).to.equal(0);
    core.hear('n2', append(5, 3, 5, logOf([5, 5], 4))).startSave();
    expect(core.repaired, 'not durable').to.equal(0);
    expect(core.finishSave().repaired).to.equal(1);
    expect(core.heartbeat('n2', 5)).to.equal(null);
    expect(core.repaired, 'told once').to.equal(1);
  });

  it('is not before it is written down: until then it does not vote', () => {
    const core = filling()
      .hear('n2', append(5, 0, 0, logOf([1, 5])))
      .sync();
    answerTarget(core, 2);
    expect(core.repaired).to.equal(1);
    expect(
      core
        .hear('n3', request(6, 9, 9, { transfer: true }))
        .sync()
        .only('vote_reply').granted,
    ).to.equal(false);
    core.repairDone();
    expect(core.raft.view().repairing).to.equal(false);
    expect(
      core
        .hear('n3', request(6, 9, 9))
        .sync()
        .only('vote_reply').granted,
    ).to.equal(true);
    expect(
      core
        .hear('n3', append(6, 2, 5))
        .take('append_reply')
        .at(-1)?.repairing,
    ).to.equal(false);
  });

  it('cannot be declared from outside', () => {
    expect(() => filling().repairDone()).to.throw(InvariantError);
    expect(() => new Core().repairDone()).to.throw(InvariantError);
  });

  it('does not give the vote of the term that it entered', () => {
    const core = filling()
      .hear('n2', append(5, 0, 0, logOf([1, 5])))
      .sync();
    answerTarget(core, 2).repairDone();
    expect(core.hear('n3', request(5, 9, 9)).only('vote_reply').granted).to.equal(false);
  });

  it('is not asked for before an append was accepted: the leader may still go by what is lost', () => {
    const core = filling({ log: [1, 1, 1], hardState: { term: 1, vote: '' } }).sync();
    for (let i = 0; i < 20; i++) core.pass(100).heartbeat('n2', 5, 0);
    core.hear('n2', append(5, 9, 5));
    expect(core.take('read_index')).to.deep.equal([]);
    core.hear('n2', append(5, 3, 1));
    expect(core.take('read_index')).to.have.length(1);
  });

  it('needs the log to be verified, not only to be long enough: what is left may be an older version', () => {
    const core = filling({ log: [1, 1, 1, 2, 2], hardState: { term: 2, vote: '' } }).sync();
    core.hear('n2', append(5, 3, 1));
    expect(answerTarget(core, 5).repaired).to.equal(0);
    core.hear('n2', append(5, 3, 1, [run(3, 4, ['x', 'y'])])).sync();
    expect(core.repaired).to.equal(1);
  });

  it('needs its term on disk, for the next start will trust it', () => {
    const core = filling({ log: [1, 1], hardState: { term: 1, vote: '' } });
    core.hear('n2', append(5, 2, 1));
    answerTarget(core, 2);
    expect(core.raft.log.durable).to.equal(2);
    expect(core.repaired).to.equal(0);
    expect(core.sync().repaired).to.equal(1);
  });

  it('counts no snapshot as verification: its leader may still believe in more', () => {
    const core = filling().sync();
    core.install(9, 5);
    core.heartbeat('n2', 5, 9);
    expect(core.take('read_index')).to.deep.equal([]);
    core.hear('n2', append(5, 9, 5));
    expect(answerTarget(core, 9).repaired).to.equal(1);
  });

  it('is asked for again when the answer is lost or refused, and anew in a new term', () => {
    const core = filling()
      .sync()
      .hear('n2', append(5, 0, 0, logOf([1])));
    const [first] = core.take('read_index');
    core.pass(300).heartbeat('n2', 5);
    expect(core.take('read_index'), 'not at once').to.deep.equal([]);
    core.pass(300).heartbeat('n2', 5);
    answerTarget(core.sync(), 0, true);
    expect(core.repaired, 'a refusal tells nothing').to.equal(0);
    core.pass(600).heartbeat('n2', 5);
    expect(core.take('read_index')).to.have.length(1);
    core.heartbeat('n3', 6);
    core.sync().hear('n3', append(6, 1, 1));
    const [second] = core.take('read_index', 'n3');
    expect(second?.context).not.to.equal(first?.context);
    const late = { kind: 'read_index_reply' as const, group: GROUP, term: 5, index: 1, refused: false };
    expect(core.hear('n2', { ...late, context: first?.context ?? 0 }).repaired, 'an answer of the old one').to.equal(0);
    expect(core.reads, 'nobody else has asked').to.deep.equal([]);
    expect(core.hear('n3', { ...late, term: 6, context: second?.context ?? 0 }).repaired).to.equal(1);
  });

  it('of one term counts for that term: a new leader has to verify and to be asked', () => {
    const core = filling({ log: [1, 1], hardState: { term: 1, vote: '' } }).sync();
    core.hear('n2', append(5, 1, 1));
    expect(answerTarget(core, 2).repaired, 'verified is one of two').to.equal(0);
    core.heartbeat('n3', 6);
    core.sync().hear('n3', append(6, 2, 1));
    expect(core.sync().repaired).to.equal(0);
    expect(core.take('read_index', 'n3')).to.have.length(1);
  });
});

describe('a leader with a follower that lost what it acknowledged', () => {
  /** Of term 1, with five entries that n2 and it hold; n2 has come back. */
  function deceived(): Core {
    const core = settledLeader();
    core.propose('a', 'b', 'c', 'd');
    core.sync().hear('n2', ack(1, 5)).unlink('n2').link('n2');
    expect(core.raft.commit).to.equal(5);
    expect(core.take('append', 'n2').at(-1)?.previousIndex, 'behind what it believes').to.equal(5);
    return core;
  }

  it('forgets the match and looks for the end of its log anew', () => {
    const core = deceived().hear('n2', repairing(reject(1, 5, 2, 1)));
    expect(core.raft.matches()['n2']).to.equal(0);
    expect(core.only('append', 'n2').previousIndex).to.equal(2);
    core.hear('n2', repairing(ack(1, 5)));
    expect(core.raft.matches()['n2']).to.equal(5);
  });

  it('takes the same from a replica that is whole for an old story', () => {
    const core = deceived().hear('n2', reject(1, 5, 2, 1));
    expect(core.raft.matches()['n2']).to.equal(5);
  });

  it('commits nothing more on the strength of it', () => {
    const core = deceived();
    core.unlink('n3').hear('n2', repairing(reject(1, 5, 0, 0)));
    core.propose('e');
    core.sync();
    expect(core.raft.commit, 'nothing goes back').to.equal(5);
    core.hear('n2', repairing(ack(1, 4)));
    expect(core.raft.commit).to.equal(5);
    core.hear('n2', repairing(ack(1, 6)));
    expect(core.raft.commit, 'what it holds counts').to.equal(6);
  });

  it('sends it a snapshot when what it lacks is purged', () => {
    const core = deceived()
      .apply()
      .compact(4)
      .hear('n2', repairing(reject(1, 5, 0, 0)));
    expect(core.snapshots).to.deep.equal(['n2']);
    expect(core.raft.matches()['n2']).to.equal(0);
    core.snapshotSent('n2', 5);
    expect(core.only('append', 'n2').previousIndex).to.equal(5);
  });

  it('tells nobody under repair that it is the heir', () => {
    const core = leader().hear('n2', repairing(ack(1, 1)));
    expect(core.transfer('n2')).to.equal(false);
    expect(core.transfer('n3')).to.equal(true);
    core.hear('n3', repairing(ack(1, 1)));
    expect(core.take('timeout_now')).to.deep.equal([]);
  });
});

describe('a cluster with a damaged replica', () => {
  for (const damage of DAMAGES)
    it(`fills it again after it has lost ${damage === 'all' ? 'everything' : `its ${damage}`}`, () => {
      const cluster = new Cluster().start();
      cluster.until(() => cluster.agrees());
      const [one = ''] = cluster.followers();
      for (let i = 0; i < 30; i++) {
        cluster.propose(cluster.leader(), `${i}`);
        cluster.pass(5);
        if (i === 15) for (const id of cluster.ids) cluster.checkpoint(id, 3);
      }
      cluster.until(() => cluster.agrees());
      cluster.crash(one);
      expect(cluster.damage(one, damage, 22)).to.equal(true);
      cluster.start(one);
      expect(cluster.group(one).repairing).to.equal(true);
      cluster.until(() => cluster.start().agrees());
      expect(cluster.repairs).to.equal(1);
      expect(cluster.machine(one).state(GROUP)).to.deep.equal(cluster.machine(cluster.leader()).state(GROUP));
    });

  // Of three, an entry on the leader and the damaged replica is on the leader alone; of five, on two.
  for (const size of [3, 5])
    it(`of ${size} elects nobody without what was committed with it`, () => {
      for (let seed = 1; seed <= 20; seed++) {
        const ids = ['n1', 'n2', 'n3', 'n4', 'n5'].slice(0, size);
        const cluster = new Cluster({ ids, seed }).start();
        cluster.until(() => cluster.agrees());
        const before = cluster.leader();
        const [one = '', ...rest] = cluster.followers();
        const behind = rest.slice(0, size >> 1);
        for (const id of behind) cluster.block(before, id);
        cluster.propose(before, 'acknowledged');
        cluster.until(() => cluster.group(before).commit === cluster.group(before).log.last);
        cluster.crash(one);
        cluster.damage(one, 'all');
        cluster.start(one);
        cluster.until(() => cluster.group(one).term > 0);
        cluster.crash(before);
        cluster.pass(3000);
        expect(rest.filter((id) => !behind.includes(id))).to.include.members(
          cluster.leader() === '' ? [] : [cluster.leader()],
        );
        cluster.heal();
        cluster.start(before);
        cluster.until(() => cluster.start().agrees());
        expect(cluster.machine(one).state(GROUP).join()).to.include(
          Buffer.from('\u0010acknowledged').toString('base64'),
        );
      }
    });

  it('waits, deaf, until all others have told their terms', () => {
    const cluster = new Cluster().start();
    cluster.until(() => cluster.agrees());
    const [one = '', other = ''] = cluster.followers();
    cluster.crash(one);
    cluster.crash(other);
    cluster.damage(one, 'log');
    cluster.start(one);
    cluster.pass(5000);
    expect(cluster.group(one).view()).to.include({ repairing: true, leader: '', last: 0 });
    cluster.until(() => cluster.start().agrees());
    expect(cluster.repairs).to.equal(1);
  });

  it('keeps the checkpoint that is whole', () => {
    const core = new Core({ repairing: true, start: checkpoint(4, 1), hardState: { term: 1, vote: '' } });
    expect(core.raft.view()).to.include({ commit: 4, first: 5, repairing: true });
  });
});
