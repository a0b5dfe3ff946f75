/** Fencing tokens in a group: what is older than what was seen is refused, reads included, and nobody slips through while waiting. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ENTRY_KINDS, fencesEntry, firstCommandEntry, sweepEntry } from '../../node/services/entry.js';
import { Fences, FORGOTTEN_MAX } from '../../node/services/fences.js';
import { coordinationMachine, GroupMachine, shardMachine } from '../../node/services/group-machine.js';
import { Queues } from '../../node/services/queues.js';
import { Tables } from '../../node/services/tables.js';
import { fenceText, readFence } from '../../protocol/fence.js';
import { LIMITS } from '../../protocol/limits.js';
import { openEntry } from './entries.js';
import { answer, envelopeOf, Replica, valueBytes } from './replica.js';
import { feedRows, rowsOf } from './strict-tables.js';

const A = 11;
const B = 12;

describe('a fence', () => {
  it('is a lock and a token; of several colons the last separates', () => {
    expect(readFence('deploy:7')).to.deep.equal({ lock: 'deploy', token: 7 });
    expect(readFence('a:b:c:42')).to.deep.equal({ lock: 'a:b:c', token: 42 });
    expect(readFence('7:7')).to.deep.equal({ lock: '7', token: 7 });
    expect(readFence(`:${Number.MAX_SAFE_INTEGER}`)).to.equal(undefined);
  });

  it('comes back from its text, whatever the lock is called', () => {
    const lock = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
      fc.constant('x'.repeat(LIMITS.name_length_max)),
    );
    fc.assert(
      fc.property(lock, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (name, token) => {
        const text = fenceText({ lock: name, token });
        expect(text.length).to.be.at.most(LIMITS.fence_length_max);
        expect(readFence(text)).to.deep.equal({ lock: name, token });
      }),
    );
  });

  it('is nothing else', () => {
    for (const text of ['', ':', 'deploy', 'deploy:', ':7', 'deploy:0', 'deploy:07', 'deploy:-7', 'deploy:+7'])
      expect(readFence(text), text).to.equal(undefined);
    for (const text of ['deploy: 7', 'deploy:7 ', 'deploy:7.0', 'deploy:1e3', 'deploy:0x7', 'deploy:٧'])
      expect(readFence(text), text).to.equal(undefined);
    expect(readFence(`deploy:${2 ** 53}`), 'beyond what is exact').to.equal(undefined);
    expect(readFence(`${'x'.repeat(LIMITS.name_length_max + 1)}:7`), 'no lock has such a name').to.equal(undefined);
  });
});

describe('a group that is sent fences', () => {
  let s0: Replica;
  let lanes: Map<number, number>;

  beforeEach(() => {
    s0 = new Replica(shardMachine('s0'));
    lanes = new Map();
  });

  const next = (session: number) => {
    lanes.set(session, (lanes.get(session) ?? 0) + 1);
    return lanes.get(session) ?? 0;
  };
  const enqueue = (fence: string, session = A) =>
    s0.ask(session, next(session), 'queue.enqueue', [valueBytes('x')], { fence });
  const dequeue = (fence: string, wait_ms = 0, session = A) =>
    s0.run(session, next(session), 'queue.dequeue', [wait_ms], { fence });
  const size = (fence: string, session = A) => s0.ask(session, next(session), 'queue.size', [], { fence });

  it('refuses a token that is less than one it has seen of that lock, and takes the same and greater ones', () => {
    expect(enqueue('deploy:5')).to.equal(1);
    expect(enqueue('deploy:5', B)).to.equal(2);
    expect(enqueue('deploy:9', B)).to.equal(3);
    for (const fence of ['deploy:5', 'deploy:8', 'deploy:1']) expect(enqueue(fence), fence).to.equal('FENCED');
    expect(enqueue('deploy:9')).to.equal(4);
    expect(enqueue('other:1'), 'another lock').to.equal(5);
  });

  it('says what it has seen', () => {
    enqueue('deploy:9');
    const { outcome } = s0.run(A, next(A), 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:5' });
    expect(outcome).to.deep.equal({
      form: 'refusal',
      code: 'FENCED',
      message: 'deploy:5 is too old: 9 was seen here',
      details: { lock: 'deploy', token: 5, seen: 9 },
    });
  });

  it('does nothing of what it refuses, and uses its number up', () => {
    enqueue('deploy:9');
    const refused = next(A);
    expect(s0.ask(A, refused, 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:5' })).to.equal('FENCED');
    expect(s0.look('queue.size', [])).to.equal(1);
    expect(s0.ask(A, refused, 'queue.enqueue', [valueBytes('x')]), 'again under its number').to.equal('FENCED');
    expect(enqueue('')).to.equal(2);
  });

  it('answers a repeat from the record, whatever was seen meanwhile', () => {
    const [written, read] = [next(A), next(A)];
    const write = () => s0.ask(A, written, 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:5' });
    const look = () => s0.ask(A, read, 'queue.size', [], { fence: 'deploy:5' });
    expect([write(), look()]).to.deep.equal([1, 1]);
    enqueue('deploy:9', B);
    expect([write(), look()]).to.deep.equal([1, 1]);
    expect(s0.look('queue.size', [])).to.equal(2);
  });

  it('answers a fenced read at its place in the log, and has seen its token like that of a write', () => {
    enqueue('deploy:5');
    expect(size('deploy:9', B)).to.equal(1);
    expect(enqueue('deploy:5')).to.equal('FENCED');
    expect(size('deploy:5')).to.equal('FENCED');
    expect(size('deploy:9', B)).to.equal(1);
  });

  it('takes reads for commands only when they are fenced', () => {
    expect(s0.ask(A, next(A), 'queue.size', [])).to.equal('INVALID');
    expect(s0.ask(A, next(A), 'session.list', [], { fence: 'deploy:5' }), 'of another group').to.equal(
      'UNKNOWN_COMMAND',
    );
  });

  it('refuses what is no fence, and does nothing of the command', () => {
    for (const fence of ['deploy', 'deploy:', ':5', 'deploy:0', 'deploy:x'])
      expect(enqueue(fence), fence).to.equal('INVALID');
    expect(s0.look('queue.size', [])).to.equal(0);
  });

  it('has seen the token of a command that is refused for another reason', () => {
    s0.ask(B, next(B), 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:9', name: 'no-such-queue' });
    expect(enqueue('deploy:5')).to.equal('FENCED');
  });

  it('has not seen the token of a command that did not come to its turn', () => {
    enqueue('deploy:5');
    expect(s0.ask(B, 7, 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:9' })).to.equal('LANE_GAP');
    const dead = envelopeOf('s0', 13, 1, 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:9' });
    s0.apply(sweepEntry(50, []));
    expect(answer(s0.apply(firstCommandEntry(49, dead)).outcome)).to.equal('RETRY');
    expect(enqueue('deploy:5')).to.equal(2);
  });

  it('closes numbers and confirms outcomes under a fence, too', () => {
    enqueue('deploy:9');
    expect(s0.ask(A, next(A), 'lane.confirm', [[1]], { fence: 'deploy:9' })).to.equal(null);
    expect(s0.ask(A, next(A), 'lane.confirm', [[1]], { fence: 'deploy:5' })).to.equal('FENCED');
    expect(s0.ask(A, next(A), 'lane.void', [], { fence: 'deploy:5' })).to.equal('FENCED');
  });

  it('opens no session under a fence that is old or none', () => {
    const c = new Replica(coordinationMachine().machine);
    const open = (fence: string) => c.ask(0, 0, 'session.open', ['cli-1', 10_000], { fence });
    expect(open('deploy')).to.equal('INVALID');
    expect(open('deploy:9')).to.equal(2);
    expect(open('deploy:5')).to.equal('FENCED');
  });

  it('goes on from its rows', () => {
    const tables = new Tables();
    s0 = new Replica(shardMachine('s0', tables));
    enqueue('deploy:9');
    s0.apply(fencesEntry(4));
    dequeue('deploy:9');
    expect(answer(dequeue('build:6', 1000).outcome)).to.equal('PENDING');
    const { index } = s0;
    s0 = new Replica(shardMachine('s0'));
    s0.index = index;
    feedRows(rowsOf(tables), s0.machine);
    s0.machine.restored(0);
    expect(enqueue('deploy:8')).to.equal('FENCED');
    expect(enqueue('third:3'), 'below the floor').to.equal('FENCED');
    const { settled } = s0.run(B, next(B), 'queue.size', [], { fence: 'build:7' });
    expect(settled.map(({ outcome }) => answer(outcome))).to.deep.equal(['FENCED']);
  });

  describe('while fenced commands wait', () => {
    const told = (settled: readonly { session: number; lane: number; outcome: unknown }[]) =>
      settled.map(({ session, lane, outcome }) => [session, lane, answer(outcome as Parameters<typeof answer>[0])]);

    it('refuses those that a newer token overtakes, before the command that brought it is done', () => {
      expect(answer(dequeue('deploy:5', 1000).outcome)).to.equal('PENDING');
      const { settled, outcome } = s0.run(B, next(B), 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:9' });
      expect(told(settled)).to.deep.equal([[A, 1, 'FENCED']]);
      expect(answer(outcome)).to.equal(1);
      expect(size('deploy:9', B), 'what it put in is still there').to.equal(1);
      expect(s0.ask(A, 1, 'queue.dequeue', [1000], { fence: 'deploy:5' }), 'a repeat').to.equal('FENCED');
    });

    it('lets those wait on whose tokens are as new, or of other locks, or that have none', () => {
      dequeue('deploy:9', 1000);
      dequeue('zeta:1', 1000);
      dequeue('alpha:1', 1000);
      dequeue('', 1000);
      dequeue('deploy:9', 1000, B);
      expect(s0.run(B, next(B), 'queue.size', [], { fence: 'deploy:9' }).settled).to.deep.equal([]);
      for (let id = 1; id <= 5; id++) {
        const { settled } = s0.run(B, next(B), 'queue.enqueue', [valueBytes(id)], { fence: 'deploy:9' });
        expect(told(settled)[0]?.[2]).to.deep.equal([id, valueBytes(id)]);
      }
    });

    it('refuses all that are overtaken, by those that wait themselves, too', () => {
      dequeue('deploy:5', 1000, B);
      dequeue('deploy:5', 1000);
      dequeue('deploy:5', 1000);
      const { settled, outcome } = dequeue('deploy:7', 1000, B);
      expect(told(settled)).to.deep.equal([
        [A, 1, 'FENCED'],
        [A, 2, 'FENCED'],
        [B, 1, 'FENCED'],
      ]);
      expect(answer(outcome)).to.equal('PENDING');
    });

    it('leaves alone what has come to its end by then', () => {
      dequeue('deploy:5', 10);
      expect(told(s0.wait(10).settled)).to.deep.equal([[A, 1, null]]);
      dequeue('deploy:5', 1000);
      enqueue('', B);
      const given = next(A);
      expect(s0.ask(A, given, 'queue.dequeue', [1000], { fence: 'deploy:5' })).to.equal('PENDING');
      expect(s0.ask(A, given, 'lane.void', [])).to.equal('VOID');
      dequeue('deploy:5', 1000, 13);
      s0.apply(sweepEntry(50, [13]));
      expect(s0.run(B, next(B), 'queue.size', [], { fence: 'deploy:9' }).settled).to.deep.equal([]);
      expect(s0.ask(A, 1, 'queue.dequeue', [10], { fence: 'deploy:5' })).to.equal(null);
    });

    it('forgets them with their outcomes', () => {
      // Whatever the way out: what is left of two groups that saw the same tokens is the same.
      const plain = new Replica(shardMachine('s0'));
      for (const one of [s0, plain]) {
        const fence = one === s0 ? 'deploy:5' : '';
        one.run(A, 1, 'queue.size', [], { fence: 'deploy:5' });
        one.run(A, 2, 'queue.dequeue', [1000], { fence });
        one.run(B, 1, 'queue.enqueue', [valueBytes('x')]);
        one.run(A, 3, 'queue.dequeue', [1000], { fence });
        one.run(A, 3, 'lane.void', []);
        one.run(A, 4, 'queue.dequeue', [10], { fence });
        one.wait(10);
        one.run(13, 1, 'queue.dequeue', [1000], { fence });
        one.apply(sweepEntry(50, [13]));
      }
      expect(s0.machine.fingerprint()).to.equal(plain.machine.fingerprint());
    });
  });

  describe('and told a floor', () => {
    it('refuses every token below it, and none from it on', () => {
      enqueue('deploy:5');
      s0.apply(fencesEntry(8));
      for (const fence of ['deploy:5', 'deploy:7', 'other:7', 'new:1'])
        expect(enqueue(fence), fence).to.equal('FENCED');
      expect(enqueue('deploy:8')).to.equal(2);
      expect(enqueue('other:9')).to.equal(3);
    });

    it('says what it has seen of the lock, if it remembers', () => {
      enqueue('deploy:5');
      s0.apply(fencesEntry(8));
      const { outcome } = s0.run(A, next(A), 'queue.enqueue', [valueBytes('x')], { fence: 'deploy:7' });
      expect(outcome).to.deep.include({ details: { lock: 'deploy', token: 7, seen: 0 } });
      expect(outcome).to.deep.include({ message: 'deploy:7 is too old: nobody holds a token below 8' });
    });

    it('forgets what lies below, and keeps what does not', () => {
      for (const fence of ['a:5', 'b:6', 'c:7', 'd:8']) enqueue(fence);
      expect(s0.machine.fences).to.include({ size: 4, lowest: 5 });
      s0.apply(fencesEntry(7));
      expect(s0.machine.fences).to.include({ size: 2, lowest: 7 });
      expect(enqueue('d:7'), 'd has been seen with 8').to.equal('FENCED');
      expect(enqueue('c:7')).to.equal(5);
    });

    it('never lowers it', () => {
      s0.apply(fencesEntry(8));
      s0.apply(fencesEntry(3));
      expect(enqueue('deploy:7')).to.equal('FENCED');
      expect(s0.machine.ignored).to.equal(0);
    });

    it('leaves those who wait alone until a newer token of their lock comes', () => {
      dequeue('deploy:5', 1000);
      expect(s0.apply(fencesEntry(8)).settled).to.deep.equal([]);
      expect(s0.run(B, next(B), 'queue.size', [], { fence: 'deploy:9' }).settled).to.have.length(1);
    });

    it('does no more in one entry than it may', () => {
      const fences = new Fences(new Tables());
      for (let i = 1; i <= FORGOTTEN_MAX + 5; i++) fences.see({ lock: `lock-${i}`, token: i }, 0);
      fences.raise(FORGOTTEN_MAX * 2);
      expect(fences.size).to.equal(5);
      expect(fences.see({ lock: `lock-${FORGOTTEN_MAX + 3}`, token: FORGOTTEN_MAX + 3 }, 0)).to.deep.include({
        code: 'FENCED',
      });
      fences.raise(FORGOTTEN_MAX * 2);
      expect(fences.size).to.equal(0);
    });

    it('takes no entry for one that holds anything else', () => {
      for (const rest of [[], [0x90], [0x91, 0xa1, 0x35], [0x92, 5, 5], [0x91, 0xff]])
        s0.apply(Buffer.from([ENTRY_KINDS.fences, ...rest]));
      expect(s0.machine.ignored).to.equal(5);
    });
  });

  describe('at its limit', () => {
    beforeEach(() => {
      s0 = new Replica(shardMachine('s0', new Tables(), { fence_marks_max: 3 }));
      for (const fence of ['a:5', 'b:6', 'c:7']) enqueue(fence);
    });

    it('refuses fenced commands for further locks, and goes on with all others', () => {
      const before = s0.look('queue.size', []);
      expect(enqueue('d:8')).to.equal('LOCK_LIMIT');
      expect(s0.look('queue.size', [])).to.equal(before);
      expect(enqueue('a:9')).to.equal(4);
      expect(enqueue('b:5')).to.equal('FENCED');
      expect(enqueue('')).to.equal(5);
      expect(s0.machine.holdings().fence_marks).to.deep.equal({ held: 3, limit: 3 });
    });

    it('has room again once the floor has passed one', () => {
      s0.apply(fencesEntry(6));
      expect(enqueue('d:8')).to.equal(4);
      expect(enqueue('e:9')).to.equal('LOCK_LIMIT');
    });
  });

  describe('and keeps the locks itself', () => {
    /** A group whose floor is its own, in which everything is fenced by locks of which the lowest token held is `floor`. */
    let floor: number;
    const own = (marks_max: number) => {
      const tables = new Tables();
      const fences = new Fences(tables, marks_max, () => floor);
      s0 = new Replica(new GroupMachine('s0', tables, [new Queues(tables)], undefined, undefined, fences));
    };

    beforeEach(() => {
      floor = 0;
      own(3);
    });

    it('refuses what is below its floor as it is at that entry', () => {
      expect(enqueue('deploy:5')).to.equal(1);
      floor = 6;
      expect(enqueue('deploy:5')).to.equal('FENCED');
      floor = 4;
      expect(enqueue('build:4')).to.equal(2);
    });

    it('makes room as its floor rises', () => {
      for (const fence of ['a:5', 'b:6', 'c:7']) enqueue(fence);
      expect(enqueue('d:8')).to.equal('LOCK_LIMIT');
      floor = 7;
      expect(enqueue('d:8')).to.equal(4);
      expect(s0.machine.fences.size).to.equal(2);
    });

    it('asks for the floor of the state before the entry', () => {
      const asked: number[] = [];
      const fences = new Fences(new Tables(), 3, (index) => {
        asked.push(index);
        return index;
      });
      expect(fences.see({ lock: 'deploy', token: 41 }, 41)).to.equal(undefined);
      expect(fences.see({ lock: 'deploy', token: 41 }, 42)).to.deep.include({ code: 'FENCED' });
      expect(asked).to.deep.equal([41, 42]);
    });
  });

  it('takes no floor in the group that keeps the locks', () => {
    const c = new Replica(coordinationMachine().machine);
    c.apply(openEntry('cli-1', 10_000));
    c.apply(fencesEntry(1000));
    expect(c.machine.ignored).to.equal(1);
    expect(c.machine.fences.floor(0)).to.equal(0);
  });
});
