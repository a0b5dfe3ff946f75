/** Figure 2 of the Raft paper (extended version), "Rules for Servers": a test for each rule, which quotes it and its section. */
import { expect } from 'chai';
import { DEFAULT_RAFT_SETTINGS } from '../../node/raft/types.js';
import { entriesOf } from './golden/print.js';
import { Cluster } from './raft-cluster.js';
import {
  ack,
  append,
  Core,
  type CoreOptions,
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

const ELECTION_MS = DEFAULT_RAFT_SETTINGS.election_ms;

/** One that runs for term 1, or the next; nothing that it has sent is kept. */
function candidate(options: CoreOptions = {}): Core {
  const core = new Core(options).link('n2', 'n3').timeOut();
  const term = core.raft.term + 1;
  core.hear('n2', grant(term, true)).hear('n3', grant(term, true)).sync();
  expect(core.role).to.equal('candidate');
  core.sent = [];
  return core;
}

describe('figure 2, all servers', () => {
  it('"if commitIndex > lastApplied: apply log[lastApplied]" (5.3): what is there to be applied is the same at every node', () => {
    const cluster = new Cluster().start();
    cluster.until(() => cluster.agrees());
    for (const text of ['a', 'b', 'c']) cluster.propose(cluster.leader(), text);
    cluster.until(() => cluster.agrees());
    for (const id of cluster.ids) {
      const raft = cluster.group(id);
      expect(entriesOf(raft).slice(0, raft.commit)).to.deep.equal(['1/1 no-op', '2/1 a', '3/1 b', '4/1 c']);
    }
  });

  const later: readonly (readonly [string, (core: Core) => Core])[] = [
    ['an append', (core) => core.hear('n2', append(9, 0, 0))],
    ['an answer to an append', (core) => core.hear('n2', reject(9, 0, 0, 0))],
    ['an answer to a request for a vote', (core) => core.hear('n2', refuse(9))],
    [
      'a heartbeat',
      (core) => {
        core.heartbeat('n2', 9);
        return core;
      },
    ],
    ['an answer to a heartbeat', (core) => core.answerRound('n2', { round: core.beat('n2').round, stray: 9 })],
    ['a request for a vote', (core) => core.hear('n2', request(9, 9, 8, { transfer: true }))],
  ];
  for (const [what, hear] of later)
    it(`"if RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower" (5.1): ${what}`, () => {
      for (const core of [leader(), candidate(), follower('n3')])
        expect(hear(core).raft.view()).to.include({ role: 'follower', term: 9 });
    });

  it('a request for a vote of a later term is followed, but for those who hear a leader (5.1; 6: "disregard")', () => {
    expect(new Core().hear('n2', request(9, 0, 0)).raft.term).to.equal(9);
    expect(
      candidate()
        .hear('n3', request(9, 0, 0))
        .raft.view(),
    ).to.include({ role: 'follower', term: 9 });
    expect(follower('n3').hear('n2', request(9, 0, 0)).raft.term).to.equal(1);
    expect(
      follower('n3')
        .pass(ELECTION_MS)
        .hear('n2', request(9, 0, 0)).raft.term,
    ).to.equal(9);
  });
});

describe('figure 2, followers (5.2)', () => {
  it('"respond to RPCs from candidates and leaders"', () => {
    const core = new Core();
    expect(
      core
        .hear('n2', request(1, 0, 0))
        .sync()
        .only('vote_reply', 'n2').granted,
    ).to.equal(true);
    expect(core.hear('n2', append(1, 0, 0)).only('append_reply', 'n2')).to.deep.equal(ack(1, 0));
    expect(core.heartbeat('n2', 1), 'follows').to.equal(null);
    expect(core.take('append')).to.deep.equal([]);
    expect(core.role).to.equal('follower');
  });

  it('"if election timeout elapses without receiving AppendEntries RPC from current leader": asks for an election', () => {
    const core = follower('n2').timeOut();
    expect(core.take('vote_request')).to.have.length(2);
  });

  it('"from current leader": each append and each heartbeat puts it off, none of an earlier term does', () => {
    const core = follower('n2', { hardState: { term: 2, vote: '' } });
    for (let i = 0; i < 10; i++) {
      core.pass(0.9 * ELECTION_MS).hear('n2', append(2, 0, 0));
      core.pass(0.9 * ELECTION_MS).heartbeat('n2', 2);
    }
    expect(core.role).to.equal('follower');
    const deadline = core.raft.deadline();
    core
      .pass(0.5 * ELECTION_MS)
      .hear('n3', append(1, 0, 0))
      .heartbeat('n3', 1);
    expect(core.raft.deadline()).to.equal(deadline);
  });

  it('"or granting vote to candidate": a vote given puts it off, one refused does not', () => {
    const core = new Core({ log: [1] });
    const before = core.raft.deadline();
    core.pass(0.9 * ELECTION_MS).hear('n2', request(1, 0, 0));
    expect(core.raft.deadline(), 'refused').to.equal(before);
    core.hear('n2', request(1, 1, 1));
    expect(core.raft.deadline(), 'granted').to.be.at.least(core.now + ELECTION_MS);
  });

  it('"randomized election timeouts": from once to twice the shortest, different for each node and each time (5.2)', () => {
    const waits = Array.from({ length: 50 }, (_, seed) => {
      const core = new Core({ seed: seed + 1 });
      const first = core.raft.deadline() - core.now;
      core.hear('n2', append(1, 0, 0));
      return [first, core.raft.deadline() - core.now];
    }).flat();
    for (const wait of waits) expect(wait).to.be.within(ELECTION_MS, 2 * ELECTION_MS);
    expect(new Set(waits.map((wait) => Math.floor(wait))).size).to.be.above(80);
    expect(Math.max(...waits) - Math.min(...waits)).to.be.above(0.8 * ELECTION_MS);
  });
});

describe('figure 2, candidates (5.2)', () => {
  it('"on conversion to candidate: increment currentTerm, vote for self, reset election timer, send RequestVote RPCs"', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const core = new Core({ hardState: { term: 4, vote: 'n3' }, seed }).link('n2', 'n3').timeOut();
      core.take('vote_request');
      core.pass(0.9 * ELECTION_MS).hear('n2', grant(5, true));
      expect(core.raft.view()).to.include({ role: 'candidate', term: 5 });
      expect(core.raft.vote).to.equal('n1');
      expect(core.raft.deadline() - core.now).to.be.within(ELECTION_MS, 2 * ELECTION_MS);
      core.sync();
      for (const to of ['n2', 'n3']) expect(core.only('vote_request', to)).to.deep.equal(request(5, 0, 0));
    }
  });

  it('"if votes received from majority of servers: become leader", and from no fewer', () => {
    const members = ['n1', 'n2', 'n3', 'n4', 'n5'];
    const core = candidate({ members });
    expect(core.hear('n2', grant(1)).role, 'two of five').to.equal('candidate');
    expect(core.hear('n2', grant(1)).role, 'the same again').to.equal('candidate');
    expect(core.hear('n3', refuse(1)).role).to.equal('candidate');
    expect(core.hear('n4', grant(1)).role, 'three of five').to.equal('leader');
  });

  it('"if AppendEntries RPC received from new leader: convert to follower", of its term or a later, not of an earlier', () => {
    expect(candidate({ log: [1] }).hear('n3', append(1, 0, 0)).role).to.equal('candidate');
    expect(
      candidate({ log: [1] })
        .hear('n3', append(2, 0, 0))
        .raft.view(),
    ).to.include({ role: 'follower', leader: 'n3' });
    const core = candidate();
    core.heartbeat('n3', 1);
    expect(core.raft.view()).to.include({ role: 'follower', term: 1, leader: 'n3' });
    expect(core.raft.vote, 'its vote of that term stays given').to.equal('n1');
  });

  it('"if election timeout elapses: start new election", in the next term', () => {
    const core = candidate().timeOut();
    core.take('vote_request');
    core.hear('n3', grant(2, true)).sync();
    expect(core.raft.view()).to.include({ role: 'candidate', term: 2 });
    expect(core.hear('n3', grant(1)).role, 'votes of the last one count no more').to.equal('candidate');
    expect(core.hear('n3', grant(2)).role).to.equal('leader');
  });
});

describe('figure 2, leaders', () => {
  it('"upon election: send initial empty AppendEntries RPCs": here with the no-op that begins the term (5.2, 8)', () => {
    const core = candidate({ log: [1] }).hear('n3', grant(2));
    for (const to of ['n2', 'n3']) {
      const message = core.only('append', to);
      expect(message).to.include({ term: 2, previousIndex: 1, previousTerm: 1 });
      expect(endOf(message)).to.equal(2);
    }
    expect(core.raft.settled, 'nothing of before is known to be committed yet (8)').to.equal(false);
    expect(core.sync().hear('n2', ack(2, 2)).raft.settled).to.equal(true);
  });

  it('"repeat during idle periods to prevent election timeouts" (5.2)', () => {
    const cluster = new Cluster().start();
    cluster.until(() => cluster.agrees());
    const { term } = cluster.group(cluster.leader());
    const leads = cluster.leader();
    cluster.pass(20 * ELECTION_MS);
    expect([cluster.leader(), cluster.group(leads).term]).to.deep.equal([leads, term]);
  });

  it('"if command received from client: append entry to local log, respond after entry applied": not while it is uncommitted (5.3)', () => {
    const core = settledLeader();
    const index = core.propose('a');
    expect([index, core.raft.log.last, core.raft.commit]).to.deep.equal([2, 2, 1]);
    core.sync();
    expect(core.raft.commit).to.equal(1);
    expect(core.hear('n3', ack(1, 2)).raft.commit).to.equal(2);
  });

  it('"if last log index ≥ nextIndex for a follower: send AppendEntries RPC with log entries starting at nextIndex" (5.3)', () => {
    const core = settledLeader();
    core.propose('a', 'b');
    for (const to of ['n2', 'n3']) {
      const message = core.only('append', to);
      expect([message.previousIndex, message.previousTerm, endOf(message)]).to.deep.equal([1, 1, 3]);
    }
    core.hear('n2', ack(1, 3));
    expect(core.take('append'), 'and nothing to whoever has it all').to.deep.equal([]);
  });

  it('"if successful: update nextIndex and matchIndex for follower" (5.3)', () => {
    const core = settledLeader();
    core.propose('a');
    core.hear('n2', ack(1, 2)).sent = [];
    expect(core.raft.matches()).to.deep.include({ n2: 2, n3: 1 });
    core.propose('b');
    expect(core.only('append', 'n2').previousIndex).to.equal(2);
  });

  it('"if AppendEntries fails because of log inconsistency: decrement nextIndex and retry" (5.3), as far as need be', () => {
    const core = leader({ log: [1, 1, 2, 2] });
    core.hear('n2', reject(3, 4, 3, 1)).load();
    const second = core.only('append', 'n2');
    expect([second.previousIndex, second.previousTerm]).to.deep.equal([2, 1]);
    core.hear('n2', reject(3, 2, 0, 0)).load();
    const third = core.only('append', 'n2');
    expect([third.previousIndex, third.previousTerm]).to.deep.equal([0, 0]);
    expect(
      core
        .hear('n2', ack(3, endOf(third)))
        .load()
        .only('append', 'n2').previousIndex,
    ).to.equal(endOf(third));
  });

  it('"if there exists an N > commitIndex, a majority of matchIndex[i] ≥ N": the leader counts among them (5.3)', () => {
    const core = settledLeader({ members: ['n1', 'n2', 'n3', 'n4', 'n5'] });
    core.propose('a');
    core.propose('b');
    core.hear('n2', ack(1, 3)).hear('n3', ack(1, 2));
    expect(core.raft.commit, 'two of five, and its own disk has not got it yet').to.equal(1);
    expect(core.sync().raft.commit, 'three have entry 2').to.equal(2);
    core.hear('n4', ack(1, 3));
    expect(core.raft.commit, 'three have entry 3').to.equal(3);
  });

  it('"and log[N].term == currentTerm: set commitIndex = N" (5.4.2): entries of earlier terms only along with one of its own', () => {
    const core = leader({ runs: [run(1, 1, ['a']), run(2, 2, ['b'])] });
    core.hear('n2', ack(3, 2)).hear('n3', ack(3, 2));
    expect(core.raft.commit, 'on all three').to.equal(0);
    core.hear('n2', ack(3, 3));
    expect(core.raft.commit).to.equal(3);
  });
});
