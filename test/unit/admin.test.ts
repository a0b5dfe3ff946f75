/** Words for one node: what they answer, from memory and from disk, and that they answer in every case. */
import { expect } from 'chai';
import { Admin } from '../../node/admin.js';
import { proposalOf } from '../../node/replica.js';
import { firstCommandEntry } from '../../node/services/entry.js';
import { encode } from '../../protocol/codec.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { envelopeOf } from './replica.js';

interface Row {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly session: number | null;
  readonly command: string;
  readonly bytes: number;
  readonly on: string[];
}

describe('admin words', () => {
  let world: GroupsWorld;
  let client: Listener;
  let words: Map<string, Admin>;
  let loads: number;
  /** First entries of runs that the log gives back before they are read. */
  let released: Set<number>;
  let checkpoint: number;
  let correlation: number;

  function begin(ids: readonly string[], log_cache_bytes_max?: number): void {
    world = new GroupsWorld(ids, log_cache_bytes_max === undefined ? {} : { log_cache_bytes_max });
    words = new Map(ids.map((self) => [self, admin(self)]));
    world.onTurn = () => {
      for (const one of words.values()) one.turn(world.now);
    };
    client = new Listener();
    loads = 0;
    released = new Set();
    checkpoint = 0;
    correlation = 0;
    world.lead('n1', 's0');
    world.lead('n1', 'c');
  }

  function admin(self: string): Admin {
    return new Admin({
      self,
      now: () => world.now,
      replica: (group) => world.node(self).replica(group),
      notLeader: (replica) => world.notLeader(replica),
      load: (run, done) => {
        loads++;
        done(released.has(run.first) ? null : (run.place as Buffer));
      },
      checkpoint: () => checkpoint,
      status: () => ({ node: self }),
      sessions: () => ['rows'],
      metrics: (pattern) => [[`metric ${pattern}`, {}, 1]],
      wake: () => {},
    });
  }

  beforeEach(() => begin(['n1', 'n2', 'n3']));

  function ask(word: string, argument: unknown = null, options: { node?: string; deadline_ms?: number } = {}): number {
    const { node = 'n1', deadline_ms = 1000 } = options;
    words.get(node)?.ask(client, { kind: 'admin', correlation: ++correlation, deadline_ms, word, argument });
    world.turn();
    return correlation;
  }

  function said(to: number): unknown {
    return client.said[to];
  }

  function complaint(about: number): string {
    const failure = client.failure(about);
    return `${failure?.code}: ${failure?.message}`;
  }

  it('that do not exist, or have a wrong argument, are refused with what is wrong', () => {
    expect(complaint(ask('dance'))).to.equal('UNKNOWN_COMMAND: no admin word dance');
    expect(complaint(ask('log', { group: 's9', count: 1 }))).to.equal('NO_SUCH_GROUP: no group s9 here');
    for (const argument of [null, 7, [], { group: 's0' }, { group: 's0', count: -1 }, { group: 5, count: 1 }])
      expect(complaint(ask('log', argument)), JSON.stringify(argument)).to.match(/^INVALID: log: /);
    expect(complaint(ask('transfer', { group: 's0' }))).to.match(/^INVALID: transfer: /);
  });

  it('status is answered by any node, sessions by the leader of c', () => {
    expect(said(ask('status', null, { node: 'n2' }))).to.deep.equal({ node: 'n2' });
    expect(said(ask('sessions'))).to.deep.equal(['rows']);
    expect(said(ask('sessions', null, { node: 'n2' }))).to.equal('NOT_LEADER');
  });

  it('metrics takes a pattern, and none for all of them', () => {
    expect(said(ask('metrics', { pattern: 'disk_*' }, { node: 'n3' }))).to.deep.equal([['metric disk_*', {}, 1]]);
    expect(said(ask('metrics', {}))).to.deep.equal([['metric ', {}, 1]]);
    expect(said(ask('metrics'))).to.deep.equal([['metric ', {}, 1]]);
    for (const pattern of [7, 'x'.repeat(256), ['a']])
      expect(complaint(ask('metrics', { pattern })), `${pattern}`).to.match(/^INVALID: metrics: /);
  });

  describe('log', () => {
    let session: number;
    /** Index of the no-op that began this term. */
    let base: number;

    function fill(): void {
      base = world.replica('n1', 's0').raft.log.last;
      session = world.open('n1');
      for (let lane = 1; lane <= 5; lane++) {
        const body = encode('x'.repeat(100 * lane));
        const entry = firstCommandEntry(session, envelopeOf('s0', session, lane, 'queue.enqueue', [body]));
        world.replica('n1', 's0').propose(proposalOf(entry), null);
        world.turn();
      }
      world.pass(200);
    }

    const log = (argument: object, node = 'n1') => said(ask('log', { group: 's0', ...argument }, { node })) as Row[];
    /** Counted from the no-op on. */
    const indexes = (count: number, from?: number) =>
      log(from === undefined ? { count } : { count, from: base + from }).map(({ index }) => index - base);

    it('shows the last entries, or those from an index on', () => {
      fill();
      expect(indexes(6)).to.deep.equal([0, 1, 2, 3, 4, 5]);
      expect(indexes(2)).to.deep.equal([4, 5]);
      expect(indexes(2, 3)).to.deep.equal([3, 4]);
      expect(indexes(9, 5)).to.deep.equal([5]);
      expect(indexes(9, 6)).to.deep.equal([]);
      expect(indexes(0)).to.deep.equal([]);
      expect(log({ count: 1000 })).to.have.length(base + 5);
      expect(log({ count: 1, from: 0 })[0]?.index).to.equal(1);
    });

    it('tells what each entry is and on which nodes the leader knows it durable', () => {
      fill();
      const [first, second] = log({ count: 6 });
      const { term } = world.replica('n1', 's0').raft;
      expect(first).to.deep.include({
        index: base,
        term,
        kind: 'noop',
        session: null,
        bytes: 0,
        on: ['n1', 'n2', 'n3'],
      });
      expect(second).to.deep.include({ index: base + 1, term, kind: 'command', session });
      expect(second?.command).to.contain('enqueue');
      world.stalled.add('n2/s0');
      world.replica('n1', 's0').propose(proposalOf(Buffer.from([20])), null);
      world.turn();
      expect(log({ count: 1 })[0]?.on).to.deep.equal(['n1', 'n3']);
    });

    it('of a follower tells of itself alone', () => {
      fill();
      expect(log({ count: 1 }, 'n2')[0]?.on).to.deep.equal(['n2']);
    });

    it('is read from disk where memory no longer holds it', () => {
      fill();
      const remembered = log({ count: 100 });
      expect(loads).to.equal(0);
      begin(['n1', 'n2', 'n3'], 0);
      fill();
      const read = log({ count: 100 });
      expect(loads).to.be.above(3);
      const gist = (rows: Row[]) => rows.map(({ index, kind, command, bytes }) => ({ index, kind, command, bytes }));
      expect(gist(read)).to.deep.equal(gist(remembered));
    });

    it('says what was given back, and which checkpoint stands in for it', () => {
      fill();
      const { raft } = world.replica('n1', 's0');
      checkpoint = base + 3;
      raft.compact(base + 2, checkpoint);
      const [gone, ...kept] = log({ count: 1000 });
      expect(gone).to.deep.equal({
        index: base + 2,
        term: raft.term,
        kind: 'released',
        session: null,
        command: `entries up to ${base + 2} were given back; the checkpoint at ${base + 3} stands in for them`,
        bytes: 0,
        on: [],
      });
      expect(kept.map(({ index }) => index - base)).to.deep.equal([3, 4, 5]);
      // Who asks for a few from the middle of what is gone gets the first that are there.
      expect(indexes(2, 1)).to.deep.equal([2, 3, 4]);
      expect(indexes(2, 3)).to.deep.equal([3, 4]);
      expect(indexes(3)).to.deep.equal([3, 4, 5]);
    });

    it('is answered when entries are given back while they are read', () => {
      begin(['n1', 'n2', 'n3'], 0);
      fill();
      const { raft } = world.replica('n1', 's0');
      for (let index = base; index <= base + 2; index++) released.add(index);
      expect(log({ count: 6 }).map(({ index, kind }) => [index - base, kind])).to.deep.equal(
        [3, 4, 5].map((index) => [index, 'command']),
      );
      raft.compact(base + 2, base + 2);
      checkpoint = base + 2;
      expect(log({ count: 6 }).map(({ kind }) => kind)).to.deep.equal(['released', 'command', 'command', 'command']);
    });

    it('is answered in bounded pieces', () => {
      for (let i = 0; i < 600; i++) world.replica('n1', 's0').propose(proposalOf(Buffer.from([20])), null);
      world.turn();
      const rows = log({ count: 2 ** 40 });
      expect([rows.length, rows.at(-1)?.index]).to.deep.equal([500, world.replica('n1', 's0').raft.log.last]);
    });
  });

  describe('transfer', () => {
    const transfer = (to: string, options: { node?: string; deadline_ms?: number; group?: string } = {}) =>
      ask('transfer', { group: options.group ?? 's0', to }, options);

    it('is answered once the heir leads, and moves one group alone', () => {
      const term = world.replica('n1', 's0').raft.term;
      const asked = transfer('n2');
      expect(said(asked)).to.deep.equal({ group: 's0', from: 'n1', to: 'n2', term: term + 1 });
      expect(world.replica('n2', 's0').raft.leads).to.equal(true);
      expect(world.replica('n1', 'c').raft.leads).to.equal(true);
    });

    it('is refused by a node that does not lead, to itself, to nobody, and while another is under way', () => {
      expect(complaint(transfer('n2', { node: 'n2' }))).to.match(/^NOT_LEADER: n1/);
      expect(complaint(transfer('n1'))).to.match(/^ALREADY: n1/);
      expect(complaint(transfer('n9'))).to.match(/^TRANSFER_FAILED: n9 is not a connected voter/);
      expect(complaint(transfer('n2', { group: 's9' }))).to.match(/^NO_SUCH_GROUP/);
      world.deaf.add('n2/s0');
      const first = transfer('n2');
      expect(complaint(transfer('n3'))).to.match(/^TRANSFER_FAILED/);
      expect(said(first)).to.equal(undefined);
    });

    it('fails when the heir does not lead in time, and the old leader goes on', () => {
      world.deaf.add('n2/s0');
      const asked = transfer('n2', { deadline_ms: 300 });
      expect(words.get('n1')?.deadline()).to.equal(world.now + 300);
      world.pass(290);
      expect(said(asked)).to.equal(undefined);
      world.pass(20);
      expect(complaint(asked)).to.match(/^TRANSFER_FAILED: n2 did not become leader of s0 in time/);
      expect(words.get('n1')?.deadline()).to.equal(Number.POSITIVE_INFINITY);
      world.pass(1000);
      expect(world.replica('n1', 's0').raft.leads).to.equal(true);
    });

    it('is not waited for longer than a hand-over can take, whatever the client allows', () => {
      world.deaf.add('n2/s0');
      const asked = transfer('n2', { deadline_ms: 4_000_000_000 });
      world.pass(10_000);
      expect(said(asked)).to.equal('TRANSFER_FAILED');
    });
  });
});
