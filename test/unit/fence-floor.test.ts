/** Shards forget old fencing tokens: not before nobody can hold them, not one at a time, and on every node alike. */
import { expect } from 'chai';
import { FENCE_PILE, FenceFloor } from '../../node/fence-floor.js';
import { proposalOf } from '../../node/replica.js';
import { commandEntry, firstCommandEntry } from '../../node/services/entry.js';
import { FORGOTTEN_MAX } from '../../node/services/fences.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { envelopeOf } from './replica.js';

const LONG_MS = 1_000_000;
/** Tokens of the locks in these tests begin behind it. */
const FIRST = 1000;

describe('the floor of fencing tokens', () => {
  let world: GroupsWorld;
  /** The lowest token held, as each node's replica of `c` would tell it. */
  let lowest: Record<string, number>;
  let session: number;
  let lane: number;

  function begin(ids: readonly string[]): void {
    world = new GroupsWorld(ids);
    world.lead('n1', 's0');
    world.lead('n1', 'c');
    lowest = Object.fromEntries(ids.map((id) => [id, 0]));
    const floors = ids.map((id) => new FenceFloor(world.replica(id, 's0'), () => lowest[id] ?? 0));
    world.onTurn = () => {
      for (const floor of floors) floor.turn(world.now);
    };
    session = world.open('n1', LONG_MS);
    lane = 0;
  }

  beforeEach(() => begin(['n1', 'n2', 'n3']));

  const shard = (id = 'n1') => world.replica(id, 's0');
  const marks = (id = 'n1') => shard(id).machine.fences.size;
  const floor = (id = 'n1') => shard(id).machine.fences.floor(0);

  /** Fenced commands for so many locks, each with the next token unless it is said which. */
  function use(count: number, from = FIRST, tokenOf = (number: number) => number): void {
    for (let i = 0; i < count; i++) {
      lane++;
      const fence = `lock-${from + i}:${tokenOf(from + i)}`;
      const envelope = envelopeOf('s0', session, lane, 'queue.size', [], { fence, confirmed: lane - 1 });
      shard().propose(proposalOf(firstCommandEntry(session, envelope)), null);
    }
    world.turn();
  }

  /** What a fenced read is answered now. */
  function ask(fence: string): unknown {
    lane++;
    const client = new Listener();
    const envelope = envelopeOf('s0', session, lane, 'queue.size', [], { fence, confirmed: lane - 1 });
    shard().propose(proposalOf(firstCommandEntry(session, envelope)), world.waiter(client, 1, session));
    world.turn();
    return client.said[1];
  }

  it('rises once enough has piled up, and what lies below is forgotten on every node', () => {
    use(FENCE_PILE + 1);
    for (const id of ['n1', 'n2', 'n3']) lowest[id] = FIRST + 500;
    world.pass(1000);
    for (const id of ['n1', 'n2', 'n3']) {
      expect(floor(id), id).to.equal(FIRST + 500);
      expect(marks(id), id).to.equal(FENCE_PILE + 1 - 500);
      expect(shard(id).counts.proposalsRefused, `${id}, who leads or not`).to.equal(0);
    }
    expect(ask(`lock-${FIRST}:${FIRST + 499}`)).to.equal('FENCED');
    expect(ask(`lock-${FIRST}:${FIRST + 500}`)).to.equal(0);
  });

  it('stays where it is while little has piled up', () => {
    use(FENCE_PILE);
    lowest['n1'] = FIRST + 500;
    world.pass(2000);
    expect([floor(), marks()]).to.deep.equal([0, FENCE_PILE]);
  });

  it('brings no entry while there is nothing to forget', () => {
    use(FENCE_PILE + 1);
    lowest['n1'] = FIRST;
    const { last } = shard().raft.log;
    world.pass(5000);
    expect(shard().raft.log.last).to.equal(last);
    expect(floor()).to.equal(0);
  });

  it('is what the replica of c knows on the node that leads, however far that is behind', () => {
    use(FENCE_PILE + 1);
    lowest = { n1: FIRST + 10, n2: FIRST + 900, n3: FIRST + 5 };
    world.pass(1000);
    expect(floor()).to.equal(FIRST + 10);
    world.lead('n3', 's0');
    use(50, FIRST + 2000);
    world.pass(1000);
    expect(floor('n3'), 'it never falls').to.equal(FIRST + 10);
  });

  it('is proposed again when it was not taken', () => {
    use(FENCE_PILE + 1);
    // While it hands over, a leader takes nothing; its heir never hears of it.
    world.deaf.add('n3/s0');
    expect(shard().raft.transfer('n3', world.now)).to.equal(true);
    lowest['n1'] = FIRST + 500;
    world.turn();
    expect(floor()).to.equal(0);
    world.deaf.clear();
    lowest = { n1: FIRST + 500, n2: FIRST + 500, n3: FIRST + 500 };
    world.until(() => floor() === FIRST + 500);
  });

  it('lets a large pile go in several entries', () => {
    begin(['n1']);
    use(FORGOTTEN_MAX + FENCE_PILE + 10);
    lowest['n1'] = FIRST + FORGOTTEN_MAX + FENCE_PILE + 10;
    world.until(() => marks() <= FENCE_PILE + 10);
    expect(marks()).to.equal(FENCE_PILE + 10);
    world.until(() => marks() === 0);
  });

  it('is told by the group that keeps the locks: the lowest token held, or one that nobody has yet', () => {
    // The groups' own watcher, and real locks.
    world.onTurn = () => {};
    const c = world.replica('n1', 'c');
    const lock = (number: number, name: 'lock.acquire' | 'lock.release', argument: unknown) => {
      const client = new Listener();
      const envelope = envelopeOf('c', session, number, name, argument as never);
      c.propose(proposalOf(commandEntry(envelope)), world.waiter(client, 1, session));
      world.turn();
      return client.said[1];
    };
    const [[, , token]] = lock(1, 'lock.acquire', [1, [['deploy', 3]], 0, 0, 0, 0, '']) as [[string, number, number]];
    lock(2, 'lock.acquire', [2, [['build', 3]], 0, 0, 0, 0, '']);
    // Locks of long ago.
    use(FENCE_PILE + 1, FIRST, () => 1);
    world.until(() => marks() === 0);
    expect(floor()).to.equal(token);
    expect(ask(`deploy:${token}`)).to.equal(0);
    lock(3, 'lock.release', [1, 'deploy', 0, 0]);
    lock(4, 'lock.release', [2, 'build', 0, 0]);
    use(FENCE_PILE + 1, FIRST, () => token);
    world.until(() => marks('n3') === 0);
    expect(floor('n3')).to.equal(c.applied + 1);
    expect(ask(`deploy:${token}`)).to.equal('FENCED');
  });
});

describe('a fenced read', () => {
  it('that is sent as a plain read is refused, with what to do instead', () => {
    const world = new GroupsWorld();
    world.lead('n1', 's0');
    const client = new Listener();
    const read = { kind: 'read', correlation: 1, deadline_ms: 1000, group: 's0', name: '', operation: 18 } as const;
    world.node('n1').read(client, { ...read, fence: 'deploy:5', body: Buffer.from([0x90]) });
    world.pass(100);
    expect(client.failure(1)).to.deep.include({ code: 'INVALID', definite: true });
    expect(client.failure(1)?.message).to.include('as a command');
  });
});

describe('commands refused for their tokens', () => {
  it('are counted where the group is led, those that waited among them', () => {
    const world = new GroupsWorld(['n1', 'n2', 'n3']);
    world.lead('n1', 's0');
    world.lead('n1', 'c');
    const session = world.open('n1');
    let lane = 0;
    const run = (name: 'queue.size' | 'queue.dequeue', argument: [] | [number], fence: string) => {
      lane++;
      const envelope = envelopeOf('s0', session, lane, name, argument as [], { fence });
      const waiter = world.waiter(new Listener(), lane, session);
      world.replica('n1', 's0').propose(proposalOf(firstCommandEntry(session, envelope)), waiter);
      world.turn();
    };
    run('queue.dequeue', [1000], 'deploy:5');
    run('queue.size', [], 'deploy:9');
    run('queue.size', [], 'deploy:5');
    run('queue.size', [], 'deploy:9');
    world.pass(200);
    expect(world.replica('n1', 's0').counts.fenced).to.equal(2);
    expect(world.replica('n2', 's0').counts.fenced).to.equal(0);
  });
});
