/** Heartbeats of many groups at once: one message a peer, numbered rounds, and answers that count only where a group is followed. */
import { expect } from 'chai';
import { RaftGroup } from '../../node/raft/group.js';
import { MultiRaft } from '../../node/raft/multi.js';
import { DEFAULT_RAFT_SETTINGS, type Heartbeat, type PeerMessage } from '../../node/raft/types.js';
import { seededRandom } from '../simulation/time.js';
import { Cluster } from './raft-cluster.js';
import { ack } from './raft-harness.js';

const GROUPS = ['a', 'b', 'c'];

/** A node that leads all its groups, with peers that the test plays. */
class Node {
  readonly multi = new MultiRaft('n1', DEFAULT_RAFT_SETTINGS);
  now = 0;

  constructor(...peers: string[]) {
    const random = seededRandom(1);
    for (const group of GROUPS)
      this.multi.add(
        new RaftGroup({
          group,
          self: 'n1',
          configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: [] },
          settings: DEFAULT_RAFT_SETTINGS,
          random,
          hardState: { term: 0, vote: '' },
          runs: [],
          configurations: [],
          now: 0,
        }),
      );
    for (const peer of peers) this.multi.connected(peer, 0);
    this.pass(300);
    for (const group of GROUPS) {
      this.hear('n2', { kind: 'vote_reply', group, term: 1, pre: true, granted: true });
      this.sync();
      this.hear('n2', { kind: 'vote_reply', group, term: 1, pre: false, granted: true });
      this.sync();
      this.hear('n2', { ...ack(1, 1), group });
    }
  }

  group(id: string): RaftGroup {
    const found = this.multi.groups.get(id);
    if (found === undefined) throw new Error(`no group ${id}`);
    return found;
  }

  hear(from: string, message: PeerMessage): void {
    this.multi.receive(from, message, this.now);
  }

  sync(): void {
    for (const group of this.multi.groups.values())
      for (let save = group.takeSave(this.now); save !== null; save = group.takeSave(this.now))
        group.saved(save.sequence, this.now);
  }

  /** Lets time pass without a beat. */
  pass(ms: number): void {
    this.now += ms;
    this.multi.tick(this.now);
  }

  /** The end of a turn: what heartbeats it sends. */
  beat(): { to: string; message: Heartbeat }[] {
    this.multi.beat(this.now);
    return this.multi.take().map(({ to, message }) => ({ to, message: message as Heartbeat }));
  }

  answer(from: string, round: number, strays: [string, number][] = []): void {
    this.hear(from, { kind: 'heartbeat_reply', round, strays });
  }
}

describe('heartbeats', () => {
  it('are one message a peer for all groups that are led, in one round', () => {
    const sent = new Node('n2', 'n3').beat();
    expect(sent.map(({ to, message }) => [to, message.round, message.groups.map(([id]) => id)])).to.deep.equal([
      ['n2', 1, GROUPS],
      ['n3', 1, GROUPS],
    ]);
  });

  it('come when they are due, and not in every turn', () => {
    const node = new Node('n2', 'n3');
    node.beat();
    expect(node.beat()).to.deep.equal([]);
    node.pass(99);
    expect(node.beat()).to.deep.equal([]);
    expect(node.multi.deadline() - node.now).to.equal(1);
    node.pass(1);
    expect(node.beat()).to.have.length(2);
  });

  it('come at once, one round for all groups, when reads wait', () => {
    const node = new Node('n2', 'n3');
    node.beat();
    for (const group of GROUPS) node.group(group).read(7, node.multi.nextRound, node.now);
    expect(node.beat().map(({ message }) => message.round)).to.deep.equal([2, 2]);
    expect(node.beat()).to.deep.equal([]);
    node.answer('n2', 2);
    for (const group of GROUPS) expect(node.group(group).take().reads).to.have.length(1);
  });

  it('say of each group no more to be committed than the peer is known to hold', () => {
    const node = new Node('n2', 'n3');
    expect(node.group('a').commit).to.equal(1);
    const commits = node.beat().map(({ to, message }) => [to, message.groups.map(([, , commit]) => commit)]);
    expect(commits).to.deep.equal([
      ['n2', [1, 1, 1]],
      ['n3', [0, 0, 0]],
    ]);
  });

  it('are not sent to peers without a link, nor by a node that leads nothing', () => {
    const node = new Node('n2', 'n3');
    node.multi.disconnected('n3', node.now);
    expect(node.beat().map(({ to }) => to)).to.deep.equal(['n2']);
    for (const group of GROUPS) node.group(group).resign('', node.now);
    node.pass(500);
    expect(node.beat()).to.deep.equal([]);
  });
});

describe('the answer to a round', () => {
  it('names the groups that are not followed in that term, with their own, and those that are not there', () => {
    const node = new Node('n2', 'n3');
    node.hear('n3', {
      kind: 'heartbeat',
      round: 9,
      groups: [
        ['a', 7, 0, 0],
        ['b', 0, 0, 0],
        ['unknown', 3, 0, 0],
      ],
    });
    expect(node.multi.take()).to.deep.equal([
      {
        to: 'n3',
        message: {
          kind: 'heartbeat_reply',
          round: 9,
          strays: [
            ['b', 1],
            ['unknown', 0],
          ],
        },
      },
    ]);
    expect([node.group('a').leads, node.group('a').term]).to.deep.equal([false, 7]);
    expect([node.group('b').leads, node.group('c').leads]).to.deep.equal([true, true]);
  });

  it('counts for the groups that follow, and for no other', () => {
    const node = new Node('n2', 'n3');
    node.beat();
    for (const group of GROUPS) node.group(group).read(7, node.multi.nextRound, node.now);
    node.beat();
    node.answer('n2', 2, [['b', 0]]);
    expect(GROUPS.map((group) => node.group(group).take().reads.length)).to.deep.equal([1, 0, 1]);
  });

  it('deposes the leader of a group that is followed in a later term, and of that group only', () => {
    const node = new Node('n2', 'n3');
    node.beat();
    node.answer('n2', 1, [['b', 5]]);
    expect(GROUPS.map((group) => [node.group(group).leads, node.group(group).term])).to.deep.equal([
      [true, 1],
      [false, 5],
      [true, 1],
    ]);
  });

  it('keeps a leader in office, and those that are not answered step down', () => {
    const node = new Node('n2', 'n3');
    for (let i = 0; i < 20; i++) {
      for (const { to, message } of node.beat()) if (to === 'n2') node.answer('n2', message.round, [['b', 0]]);
      node.pass(100);
    }
    expect(GROUPS.map((group) => node.group(group).leads)).to.deep.equal([true, false, true]);
  });

  it('counts from when that round was sent, not from now: late answers to old rounds keep nobody in office', () => {
    const node = new Node('n2', 'n3');
    for (let i = 0; i < 12; i++) {
      node.beat();
      node.answer('n2', 1);
      node.pass(100);
    }
    expect(GROUPS.map((group) => node.group(group).leads)).to.deep.equal([false, false, false]);
  });

  it('counts however many rounds have been sent since: many reads do not wear out a leader', () => {
    const node = new Node('n2', 'n3');
    const late: number[] = [];
    for (let turn = 0; turn < 6000; turn++) {
      node.group('a').read(turn, node.multi.nextRound, node.now);
      late.push(node.beat()[0]?.message.round ?? 0);
      node.pass(0.5);
      // It takes 500 turns until an answer is back.
      if (turn >= 500) node.answer('n2', late[turn - 500] ?? 0);
    }
    expect(node.group('a').leads).to.equal(true);
    expect(
      node
        .group('a')
        .take()
        .reads.filter(({ refused }) => !refused),
    ).to.have.length(5500);
  });

  it('to a round that was never sent counts for nothing', () => {
    const node = new Node('n2', 'n3');
    node.beat();
    node.group('a').read(7, node.multi.nextRound, node.now);
    node.answer('n2', 99);
    expect(node.group('a').take().reads).to.deep.equal([]);
  });
});

describe('many groups on three nodes', () => {
  it('are led, lost and led again, each for itself', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const groups = ['g', ...GROUPS];
      const cluster = new Cluster({ seed, groups }).start();
      const agree = () => groups.every((group) => cluster.agrees(group));
      cluster.until(agree);
      cluster.crash(cluster.ids[cluster.pick(3)] ?? '');
      cluster.until(agree);
      for (const group of groups) cluster.propose(cluster.leader(group), 'a', group);
      cluster.start();
      cluster.until(agree);
      for (const group of groups) expect(cluster.checks.committed(group)).to.be.at.least(2);
    }
  });
});
