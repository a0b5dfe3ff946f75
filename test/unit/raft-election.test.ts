/** Elections: who asks, who grants, what a vote rests on. Sections are those of the Raft paper and thesis. */
import { expect } from 'chai';
import { append, Core, follower, grant, leader, refuse, request, run } from './raft-harness.js';

const ELECTION_MS = 1000;

describe('a pre-vote (thesis 9.6)', () => {
  it('comes before an election, and asks for the next term without entering it', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } }).link('n2', 'n3').timeOut();
    expect(core.role).to.equal('precandidate');
    expect(core.take('vote_request')).to.deep.equal([request(5, 0, 0, { pre: true }), request(5, 0, 0, { pre: true })]);
    expect(core.raft.term).to.equal(4);
    expect(core.raft.takeSave(core.now), 'there is nothing to save').to.equal(null);
  });

  it('changes nothing at the voter: no term, no vote, no timer', () => {
    const core = new Core({ hardState: { term: 4, vote: 'n3' } });
    const before = { ...core.raft.view(), deadline: core.raft.deadline() };
    core.hear('n2', request(9, 0, 0, { pre: true }));
    expect({ ...core.raft.view(), deadline: core.raft.deadline() }).to.deep.equal(before);
    expect(core.raft.takeSave(core.now)).to.equal(null);
    expect(core.only('vote_reply', 'n2')).to.deep.equal(grant(9, true));
  });

  it('is granted even by one whose vote of that term has gone elsewhere', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } }).hear('n2', request(5, 0, 0)).sync();
    core.take('vote_reply');
    expect(core.hear('n3', request(6, 0, 0, { pre: true })).only('vote_reply', 'n3').granted).to.equal(true);
  });

  it('is not granted for a term that is not new, and says which one is', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } });
    for (const term of [3, 4])
      expect(core.hear('n2', request(term, 9, 4, { pre: true })).only('vote_reply')).to.deep.equal(refuse(4, true));
  });

  it('that is granted is not a vote: it does not make a candidate a leader', () => {
    const core = new Core().link('n2', 'n3').timeOut();
    core.hear('n2', grant(1, true)).sync();
    expect(core.role).to.equal('candidate');
    core.hear('n2', grant(1, true)).hear('n3', grant(1, true)).hear('n3', grant(2, true));
    expect(core.role).to.equal('candidate');
  });

  it('is not won by votes, nor by grants for another term', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } }).link('n2', 'n3').timeOut();
    core.hear('n2', grant(4)).hear('n2', grant(5)).hear('n3', grant(4, true)).hear('n3', grant(6, true));
    expect(core.role).to.equal('precandidate');
    expect(core.hear('n2', grant(5, true)).role).to.equal('candidate');
  });

  it('is refused by whoever hears a leader, and by the leader itself', () => {
    const core = follower('n2', { log: [1] });
    expect(core.hear('n3', request(9, 9, 9, { pre: true })).only('vote_reply').granted).to.equal(false);
    core.pass(ELECTION_MS - 1);
    expect(core.hear('n3', request(9, 9, 9, { pre: true })).only('vote_reply').granted).to.equal(false);
    expect(
      leader()
        .hear('n3', request(9, 9, 9, { pre: true }))
        .only('vote_reply').granted,
    ).to.equal(false);
  });

  it('is granted again once the leader has been silent for an election timeout', () => {
    const core = follower('n2', { log: [1] });
    core.now += ELECTION_MS;
    expect(core.hear('n3', request(9, 9, 9, { pre: true })).only('vote_reply').granted).to.equal(true);
  });
});

describe('a vote (paper 5.2)', () => {
  it('is durable before it leaves', () => {
    const core = new Core()
      .hear('n2', request(3, 0, 0))
      .startSave()
      .hear('n2', request(3, 0, 0));
    expect(core.take('vote_reply')).to.deep.equal([]);
    expect(core.saving[0]?.state).to.deep.equal({ term: 3, vote: 'n2' });
    expect(core.finishSave().only('vote_reply', 'n2')).to.deep.equal(grant(3));
  });

  it('is given once in a term, and again only to the same candidate', () => {
    const core = new Core().hear('n2', request(3, 0, 0)).sync();
    core.take('vote_reply');
    expect(core.hear('n3', request(3, 0, 0)).only('vote_reply', 'n3')).to.deep.equal(refuse(3));
    expect(core.hear('n2', request(3, 0, 0)).only('vote_reply', 'n2')).to.deep.equal(grant(3));
  });

  it('outlives a restart', () => {
    const core = new Core({ hardState: { term: 3, vote: 'n2' } });
    expect(core.hear('n3', request(3, 9, 9)).only('vote_reply').granted).to.equal(false);
    expect(core.hear('n2', request(3, 0, 0)).only('vote_reply').granted).to.equal(true);
  });

  it('that could not be saved while the term went on is never sent', () => {
    const core = new Core().hear('n2', request(3, 0, 0)).startSave();
    core.hear('n3', request(4, 0, 0)).finishSave();
    expect(core.take('vote_reply', 'n2')).to.deep.equal([]);
    expect(core.sync().only('vote_reply')).to.deep.equal(grant(4));
  });

  it('is sent once when the disk hangs, however often it was asked for', () => {
    const core = new Core();
    for (let i = 0; i < 100; i++) core.hear('n2', request(3, 0, 0));
    expect(core.sync().take('vote_reply')).to.have.length(1);
  });

  it('of the candidate itself counts when it is durable, and nobody is asked before', () => {
    const core = new Core().link('n2', 'n3').timeOut();
    core.hear('n2', grant(1, true)).startSave();
    core.take('vote_request');
    core.hear('n2', grant(1));
    expect(core.take('vote_request')).to.deep.equal([]);
    expect(core.role).to.equal('candidate');
    core.finishSave();
    expect(core.role, 'with its own vote it has two').to.equal('leader');
  });

  it('of a candidate whose first vote is being saved still waits for the second', () => {
    const core = new Core({ members: ['n1'] });
    core.timeOut().startSave().timeOut();
    expect(core.raft.term).to.equal(2);
    expect(core.finishSave().role).to.equal('candidate');
    expect(core.sync().role).to.equal('leader');
  });

  it('is given by learners, too: the candidate may count them already', () => {
    const core = new Core({ configuration: { voters: ['n2', 'n3'], outgoing: [], learners: ['n1'] } });
    expect(
      core
        .hear('n2', request(3, 0, 0))
        .sync()
        .only('vote_reply').granted,
    ).to.equal(true);
    expect(core.pass(5000).role, 'but it does not run itself').to.equal('learner');
  });

  it('keeps a voter from running itself for a while, and ends its own question', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } }).link('n2', 'n3').timeOut();
    expect(core.role).to.equal('precandidate');
    core.hear('n2', request(4, 0, 0)).sync();
    expect(core.role).to.equal('follower');
    core.hear('n3', grant(5, true));
    expect(core.raft.term, 'an old pre-vote does not depose the one it voted for').to.equal(4);
    expect(core.raft.deadline() - core.now).to.be.at.least(ELECTION_MS);
  });

  it('keeps a voter that only waited from running itself, too', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } });
    core
      .pass(core.raft.deadline() - core.now - 1)
      .hear('n2', request(4, 0, 0))
      .sync();
    expect(core.raft.deadline() - core.now).to.be.at.least(ELECTION_MS);
  });

  it('is not given by the leader of that term, nor by one that voted for itself', () => {
    const core = leader();
    expect(core.hear('n2', request(core.raft.term, 99, 99)).only('vote_reply').granted).to.equal(false);
  });
});

describe('a candidate is up to date (paper 5.4.1)', () => {
  const cases: [string, number, number, boolean][] = [
    ['its last entry is of a later term, however short its log', 1, 4, true],
    ['its last entry is of an earlier term, however long its log', 99, 2, false],
    ['the last terms are equal and its log is longer', 4, 3, true],
    ['the logs are equal', 3, 3, true],
    ['the last terms are equal and its log is shorter', 2, 3, false],
  ];
  for (const pre of [true, false])
    for (const [what, lastIndex, lastTerm, granted] of cases)
      it(`${granted ? 'when' : 'but not when'} ${what}${pre ? ' (pre-vote)' : ''}`, () => {
        const core = new Core({ log: [1, 2, 3] }).hear('n2', request(9, lastIndex, lastTerm, { pre })).sync();
        expect(core.only('vote_reply').granted).to.equal(granted);
      });

  it('compared with what the voter holds durably, not with what it is still writing', () => {
    const core = follower('n3', { log: [1] });
    core
      .hear('n3', append(2, 1, 1, [run(2, 2, ['a', 'b'])]))
      .startSave()
      .unlink('n3');
    expect(core.raft.log.last).to.equal(3);
    expect(
      core
        .hear('n2', request(3, 1, 1))
        .sync()
        .only('vote_reply').granted,
    ).to.equal(true);
  });

  it('by what is durable on its own disk', () => {
    const core = follower('n3', { log: [1] });
    core
      .hear('n3', append(2, 1, 1, [run(2, 2, ['a', 'b'])]))
      .unlink('n3')
      .timeOut();
    expect(core.take('vote_request')[0]).to.include({ lastIndex: 1, lastTerm: 1 });
    expect(core.sync().timeOut().take('vote_request')[0]).to.include({ lastIndex: 3, lastTerm: 2 });
  });

  it('and a refused candidate of a later term is followed into it all the same', () => {
    const core = new Core({ log: [1, 2, 3] }).hear('n2', request(9, 1, 1));
    expect(core.raft.term).to.equal(9);
    expect(core.only('vote_reply')).to.deep.equal(refuse(9));
  });
});

describe('who hears a leader', () => {
  it('does not vote for others, and stays in its term', () => {
    const core = follower('n2', { log: [1] });
    expect(core.hear('n3', request(9, 9, 9)).only('vote_reply')).to.deep.equal(refuse(1));
    expect(core.raft.view()).to.include({ term: 1, leader: 'n2' });
  });

  it('votes when the leader itself has asked for the election', () => {
    const core = follower('n2', { log: [1] });
    expect(
      core
        .hear('n3', request(2, 9, 1, { transfer: true }))
        .sync()
        .only('vote_reply'),
    ).to.deep.equal(grant(2));
  });

  it('votes as soon as the link to the leader has closed: that is no silence but evidence', () => {
    const core = follower('n2', { log: [1] }).unlink('n2');
    expect(core.raft.leader).to.equal('');
    expect(
      core
        .hear('n3', request(2, 9, 1))
        .sync()
        .only('vote_reply'),
    ).to.deep.equal(grant(2));
  });

  it('is the leader itself: it does not step down for a candidate', () => {
    const core = leader();
    expect(core.hear('n3', request(9, 9, 9)).only('vote_reply').granted).to.equal(false);
    expect(core.role).to.equal('leader');
  });

  it('forgets it when a new term begins', () => {
    const core = follower('n2', { log: [1] });
    core.hear('n3', request(2, 9, 1, { transfer: true }));
    expect(core.raft.leader).to.equal('');
  });
});

describe('who knows of no leader', () => {
  it('asks soon when a majority can be asked, and waits for silence while it cannot', () => {
    const core = new Core({ members: ['n1', 'n2', 'n3', 'n4', 'n5'] }).link('n2');
    expect(core.raft.deadline() - core.now).to.be.at.least(ELECTION_MS);
    expect(core.link('n3').raft.deadline() - core.now).to.be.at.most(ELECTION_MS / 10);
  });

  it('does so, too, when it has known one before', () => {
    const core = follower('n2', { log: [1] })
      .hear('n3', request(2, 1, 1, { transfer: true }))
      .sync();
    expect(core.raft.view()).to.include({ role: 'follower', leader: '' });
    expect(core.raft.deadline() - core.now).to.be.at.least(ELECTION_MS);
    core.unlink('n3').link('n3');
    expect(core.raft.deadline() - core.now).to.be.at.most(ELECTION_MS / 10);
  });

  it('does not while it hears one', () => {
    const core = follower('n2', { log: [1] })
      .unlink('n3')
      .link('n3');
    expect(core.raft.deadline() - core.now).to.be.at.least(ELECTION_MS);
  });
});

describe('a round that is not won', () => {
  const candidate = (term = 1) => {
    const core = new Core({ hardState: { term: term - 1, vote: '' } }).link('n2', 'n3').timeOut();
    core.hear('n2', grant(term, true)).sync();
    core.sent = [];
    return core;
  };

  it('goes on while those who are connected may still grant it: a slow disk is no refusal', () => {
    const core = candidate()
      .hear('n3', refuse(1))
      .pass(ELECTION_MS / 2);
    expect(core.role).to.equal('candidate');
    expect(core.hear('n2', grant(1)).role).to.equal('leader');
  });

  it('is tried again soon when nobody is left who could grant it', () => {
    const core = candidate().unlink('n3').hear('n2', refuse(1));
    expect(core.raft.deadline() - core.now).to.be.below(ELECTION_MS / 4);
    const late = candidate().hear('n2', refuse(1)).unlink('n3');
    expect(late.raft.deadline() - late.now).to.be.below(ELECTION_MS / 4);
  });

  it('is tried again soon when it was lost for a term that was over', () => {
    const core = new Core({ hardState: { term: 4, vote: '' } }).link('n2', 'n3').timeOut().hear('n2', refuse(7, true));
    expect(core.raft.view()).to.include({ term: 7, role: 'follower' });
    expect(core.raft.deadline() - core.now).to.be.below(ELECTION_MS / 4);
  });

  it('is tried again after longer and longer, random times', () => {
    const core = candidate();
    let longest = 0;
    for (let i = 0; i < 12; i++) {
      core.hear('n2', refuse(1, true)).hear('n3', refuse(1, true));
      longest = Math.max(longest, core.raft.deadline() - core.now);
      core.timeOut();
    }
    expect(longest).to.be.within(ELECTION_MS / 4, 2 * ELECTION_MS);
  });

  it('asks again over a link that comes back: the request may have been lost with the old one', () => {
    const core = candidate().unlink('n3').link('n3');
    expect(core.only('vote_request', 'n3')).to.deep.equal(request(1, 0, 0));
    expect(core.take('vote_request', 'n2')).to.deep.equal([]);
    expect(core.hear('n3', grant(1)).role).to.equal('leader');
  });

  it('ends when a leader of that term speaks', () => {
    const core = candidate();
    core.heartbeat('n3', 1);
    expect(core.raft.view()).to.include({ role: 'follower', leader: 'n3', term: 1 });
    expect(core.hear('n2', grant(1)).role).to.equal('follower');
  });
});

describe('a group of one', () => {
  it('leads at once, when its vote is durable', () => {
    const core = new Core({ members: ['n1'] }).timeOut();
    expect(core.now).to.equal(10_000);
    expect(core.role).to.equal('candidate');
    core.sync();
    expect(core.raft.view()).to.include({ role: 'leader', commit: 1 });
  });

  it('commits what its own disk holds, and answers reads without asking anyone', () => {
    const core = new Core({ members: ['n1'] }).timeOut().sync();
    expect(core.propose('a')).to.equal(2);
    expect(core.startSave().raft.commit).to.equal(1);
    expect(core.finishSave().raft.commit).to.equal(2);
    core.read(7);
    expect(core.reads).to.deep.equal([{ context: 7, index: 2, refused: false }]);
  });
});
