/** Figure 2 of the Raft paper (extended version), its state and its two RPCs: a test for each rule, which quotes it and its section. */
import { expect } from 'chai';
import { InvariantError } from '../../node/raft/types.js';
import {
  ack,
  append,
  Core,
  endOf,
  follower,
  grant,
  leader,
  refuse,
  reject,
  request,
  run,
  settledLeader,
} from './raft-harness.js';

describe('figure 2, persistent state: "updated on stable storage before responding to RPCs"', () => {
  it('currentTerm "initialized to 0 on first boot, increases monotonically"', () => {
    const core = new Core();
    expect(core.raft.term).to.equal(0);
    core
      .hear('n2', append(5, 0, 0))
      .hear('n3', append(3, 0, 0))
      .hear('n3', request(4, 9, 9))
      .hear('n3', grant(2));
    expect(core.raft.term).to.equal(5);
  });

  it('currentTerm, votedFor: a vote is given when both are on disk, and not before', () => {
    const core = new Core().hear('n2', request(3, 0, 0)).startSave();
    expect(core.take('vote_reply')).to.deep.equal([]);
    expect(core.saving[0]?.state).to.deep.equal({ term: 3, vote: 'n2' });
    expect(core.finishSave().only('vote_reply', 'n2')).to.deep.equal(grant(3));
  });

  it('votedFor: a vote in a term that is on disk already has to be there as well', () => {
    const core = new Core({ hardState: { term: 3, vote: '' } }).hear('n2', request(3, 0, 0)).startSave();
    expect(core.take('vote_reply')).to.deep.equal([]);
    expect(core.saving[0]?.state).to.deep.equal({ term: 3, vote: 'n2' });
    expect(core.finishSave().only('vote_reply', 'n2')).to.deep.equal(grant(3));
  });

  it('currentTerm, votedFor: a candidate asks for votes when its term and its own vote are on disk', () => {
    const core = new Core().link('n2', 'n3').timeOut();
    core.take('vote_request');
    core.hear('n2', grant(1, true)).startSave();
    expect(core.take('vote_request')).to.deep.equal([]);
    expect(core.saving[0]?.state).to.deep.equal({ term: 1, vote: 'n1' });
    expect(core.finishSave().take('vote_request')).to.have.length(2);
  });

  it('votedFor: "candidateId that received vote in current term (or null if none)", so a new term begins with none', () => {
    const core = new Core({ hardState: { term: 3, vote: 'n2' } });
    expect(core.hear('n3', request(3, 0, 0)).only('vote_reply')).to.deep.equal(refuse(3));
    core.hear('n2', append(4, 0, 0)).startSave();
    expect(core.saving[0]?.state).to.deep.equal({ term: 4, vote: '' });
  });

  it('log[]: entries are acknowledged when they are on disk, and not before', () => {
    const core = follower('n2')
      .hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b'])]))
      .startSave();
    expect(core.take('append_reply')).to.deep.equal([]);
    expect(core.saving[0]?.runs.map(({ first, count }) => [first, count])).to.deep.equal([[1, 2]]);
    core.hear('n2', append(1, 2, 1, [run(1, 3, ['c'])]));
    expect(core.finishSave().only('append_reply', 'n2'), 'what is written, not what is to be').to.deep.equal(ack(1, 2));
    expect(core.sync().only('append_reply', 'n2')).to.deep.equal(ack(1, 3));
  });

  it('log[]: "term when entry was received by leader (first index is 1)"', () => {
    const core = settledLeader({ hardState: { term: 6, vote: '' } });
    expect(core.propose('a')).to.equal(2);
    expect(core.terms).to.deep.equal([7, 7]);
  });
});

describe('figure 2, volatile state', () => {
  it('commitIndex "initialized to 0, increases monotonically"', () => {
    expect(new Core({ log: [1, 1] }).raft.commit).to.equal(0);
    const core = follower('n2', { log: [1, 1, 1] }).hear('n2', append(1, 3, 1, [], 3));
    core.hear('n2', append(1, 3, 1, [], 1)).heartbeat('n2', 1, 2);
    expect(core.raft.commit).to.equal(3);
  });

  it('lastApplied: never beyond commitIndex', () => {
    const core = follower('n2', { log: [1, 1, 1] }).hear('n2', append(1, 3, 1, [], 2));
    core.raft.applied(2);
    core.raft.check();
    core.raft.applied(3);
    expect(() => core.raft.check()).to.throw(InvariantError, 'applied');
  });

  it('nextIndex[] "initialized to leader last log index + 1"', () => {
    const core = new Core({ log: [1, 1, 2] }).link('n2', 'n3').timeOut();
    core.hear('n2', grant(3, true)).sync().hear('n2', grant(3));
    for (const { previousIndex, previousTerm } of core.take('append'))
      expect([previousIndex, previousTerm]).to.deep.equal([3, 2]);
  });

  it('matchIndex[] "initialized to 0, increases monotonically", and is "reinitialized after election"', () => {
    const core = settledLeader();
    core.propose('a');
    core.hear('n2', ack(1, 2)).hear('n2', ack(1, 1));
    expect(core.raft.matches()['n2']).to.equal(2);
    core
      .hear('n3', append(2, 0, 0))
      .sync()
      .timeOut();
    core.hear('n3', grant(3, true)).sync().hear('n3', grant(3));
    expect(core.raft.matches()).to.deep.include({ n2: 0, n3: 0 });
  });
});

describe('figure 2, AppendEntries RPC', () => {
  it('leaderId: "so follower can redirect clients"', () => {
    const core = new Core();
    expect(core.raft.leader).to.equal('');
    expect(core.hear('n3', append(1, 0, 0)).raft.leader).to.equal('n3');
    expect(core.propose('a')).to.equal('not leader');
    core.hear('n2', request(2, 0, 0));
    expect(core.raft.leader, 'while it hears a leader it keeps to it').to.equal('n3');
    expect(core.hear('n2', append(2, 0, 0)).raft.leader).to.equal('n2');
  });

  it('results, term: "currentTerm, for leader to update itself"', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } });
    expect(core.hear('n2', append(3, 0, 0)).only('append_reply').term).to.equal(4);
    expect(core.hear('n2', append(5, 7, 3)).only('append_reply').term).to.equal(5);
    expect(leader().hear('n2', reject(9, 0, 0, 0)).raft.term).to.equal(9);
  });

  it('receiver 1: "reply false if term < currentTerm" (5.1), and take nothing from it', () => {
    const core = new Core({ log: [1, 1], hardState: { term: 4, vote: '' } });
    const deadline = core.raft.deadline();
    core.pass(100).hear('n2', append(3, 2, 1, [run(3, 3, ['x'])], 2));
    expect(core.only('append_reply', 'n2')).to.deep.include({ rejected: true, term: 4 });
    expect(core.raft.view()).to.deep.include({ term: 4, leader: '', last: 2, commit: 0 });
    expect(core.raft.deadline(), 'nor does it put off its election').to.equal(deadline);
  });

  for (const [what, index, term] of [
    ['its log ends before', 4, 2],
    ['its entry there is of another term', 3, 1],
    ['its entry there is of another term, a later one', 2, 2],
  ] as const)
    it(`receiver 2: "reply false if log doesn't contain an entry at prevLogIndex whose term matches" (5.3): ${what}`, () => {
      const core = new Core({ log: [1, 1, 2], hardState: { term: 4, vote: '' } });
      core.hear('n2', append(4, index, term, [run(4, index + 1, ['x'])], 3));
      expect(core.only('append_reply', 'n2')).to.deep.include({ rejected: true, match: index });
      expect(core.terms).to.deep.equal([1, 1, 2]);
      expect(core.raft.commit).to.equal(0);
    });

  it('receiver 3: "if an existing entry conflicts with a new one, delete the existing entry and all that follow it" (5.3)', () => {
    const core = new Core({ log: [1, 1, 2, 2, 2], hardState: { term: 2, vote: '' } });
    core.hear('n2', append(3, 1, 1, [run(1, 2, ['b']), run(3, 3, ['x'])])).sync();
    expect(core.terms).to.deep.equal([1, 1, 3]);
    expect(core.only('append_reply')).to.deep.equal(ack(3, 3));
  });

  it('receiver 3: only then. What follows entries that agree stays, for a message may be an old one (5.3)', () => {
    const core = new Core({ log: [1, 1, 2, 2, 2], hardState: { term: 2, vote: '' } });
    core.hear('n2', append(3, 1, 1, [run(1, 2, ['b']), run(2, 3, ['c'])])).sync();
    expect(core.terms).to.deep.equal([1, 1, 2, 2, 2]);
  });

  it('receiver 4: "append any new entries not already in the log"', () => {
    const core = follower('n2', { log: [1, 1] });
    core.hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b', 'c', 'd'])])).startSave();
    expect(core.terms).to.deep.equal([1, 1, 1, 1]);
    expect(core.saving[0]?.runs.map(({ first, count }) => [first, count])).to.deep.equal([[3, 2]]);
  });

  for (const [what, commit, expected] of [
    ['leaderCommit', 2, 2],
    ['the last new entry', 5, 3],
  ] as const)
    it(`receiver 5: "set commitIndex = min(leaderCommit, index of last new entry)": ${what} is the less`, () => {
      const core = follower('n2', { log: [1, 1, 1, 1, 1] });
      core.hear('n2', append(1, 1, 1, [run(1, 2, ['b', 'c'])], commit));
      expect(core.raft.commit).to.equal(expected);
    });

  it('entries[] "may send more than one for efficiency", in order behind prevLogIndex', () => {
    const core = leader({ runs: [run(1, 1, ['a', 'b', 'c'])] })
      .hear('n2', reject(2, 3, 0, 0))
      .load();
    const message = core.only('append', 'n2');
    expect([message.previousIndex, message.previousTerm, endOf(message)]).to.deep.equal([0, 0, 4]);
  });
});

describe('figure 2, RequestVote RPC', () => {
  it('arguments: term, and index and term of the candidate’s last log entry (5.4)', () => {
    const core = new Core({ log: [1, 1, 2], hardState: { term: 4, vote: '' } }).link('n2', 'n3').timeOut();
    core.take('vote_request');
    const [asked] = core.hear('n2', grant(5, true)).sync().take('vote_request', 'n3');
    expect(asked).to.deep.equal(request(5, 3, 2));
  });

  it('results, term: "currentTerm, for candidate to update itself"', () => {
    const core = new Core().link('n2', 'n3').timeOut().hear('n2', grant(1, true)).sync();
    core.hear('n3', refuse(7));
    expect(core.raft.view()).to.include({ role: 'follower', term: 7 });
  });

  it('receiver 1: "reply false if term < currentTerm" (5.1)', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } });
    expect(core.hear('n2', request(3, 9, 9)).only('vote_reply', 'n2')).to.deep.equal(refuse(4));
    expect(core.raft.vote).to.equal('');
  });

  it('receiver 2: "if votedFor is null": the first who asks in a term gets the vote, and no other (5.2)', () => {
    const core = new Core()
      .hear('n2', request(1, 0, 0))
      .hear('n3', request(1, 5, 1))
      .sync();
    expect(core.only('vote_reply', 'n2').granted).to.equal(true);
    expect(core.only('vote_reply', 'n3').granted).to.equal(false);
  });

  it('receiver 2: "or candidateId": it is told once more, for the answer may have been lost (5.2)', () => {
    const core = new Core({ hardState: { term: 1, vote: 'n2' } });
    expect(core.hear('n2', request(1, 0, 0)).only('vote_reply', 'n2').granted).to.equal(true);
  });

  it('receiver 2: "candidate’s log is at least as up-to-date": the later last term, then the longer log (5.4.1)', () => {
    const asked = (lastIndex: number, lastTerm: number) =>
      new Core({ log: [1, 2, 2], hardState: { term: 3, vote: '' } })
        .hear('n2', request(4, lastIndex, lastTerm))
        .sync()
        .only('vote_reply', 'n2').granted;
    expect(asked(1, 3), 'a later term').to.equal(true);
    expect(asked(9, 1), 'an earlier term, however long').to.equal(false);
    expect(asked(4, 2), 'the same term, longer').to.equal(true);
    expect(asked(3, 2), 'the same').to.equal(true);
    expect(asked(2, 2), 'the same term, shorter').to.equal(false);
  });
});
