/** Log that is given back: what nobody needs goes from the front, what anybody needs stays, whatever happens meanwhile. */
import { expect } from 'chai';
import type { Place } from '../../node/storage/log.js';
import { parseSegmentName } from '../../node/storage/segment.js';
import { LogWorld, run, summary, vote } from './log-world.js';

describe('log that is given back', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld(4096).open();
  });

  /** Appends entries of `group` from `first` on, two a segment; their places. */
  const appendMany = (group: string, first: number, count: number): Place[] => {
    const places: Place[] = [];
    for (let i = first; i < first + count; i++) places.push(...world.append([run(group, i, 1, { fill: 1300 })]));
    return places;
  };
  const release = (group: string, index: number) => {
    world.log.release(group, index);
    world.time.settle();
  };
  const segments = () => world.names().flatMap((name) => parseSegmentName(name)?.id ?? []);
  const newest = () => Math.max(...segments()) - 1;
  const checkpoint = (group: string, index: number, term = 1) => world.bases.set(group, { index, term });

  it('goes by segments, oldest first, as soon as no entry in them is needed', () => {
    const places = appendMany('c', 1, 10);
    expect(segments()).to.deep.equal([1, 2, 3, 4, 5, 6]);
    for (const [i, { segment }] of places.entries()) {
      release('c', i + 1);
      const next = places[i + 1]?.segment ?? segment;
      expect(segments()[0], `after entry ${i + 1}`).to.equal(next > segment ? next : segment);
    }
  });

  it('no longer counts', () => {
    const empty = world.log.bytes();
    appendMany('c', 1, 2);
    const two = world.log.bytes() - empty;
    appendMany('c', 3, 6);
    const all = world.log.bytes();
    release('c', 4);
    expect(all - world.log.bytes()).to.equal(2 * (two + 512));
    const left = world.log.bytes();
    checkpoint('c', 4);
    world.crash().open();
    expect(world.log.bytes()).to.equal(left);
  });

  it('is never the segment that is being written to', () => {
    const places = appendMany('c', 1, 10);
    release('c', 10);
    expect(segments()).to.deep.equal([5, 6]);
    expect(world.log.pinned()).to.equal(null);
    expect(world.read(places[9] as Place)).to.be.instanceOf(Buffer);
    release('c', 11);
    appendMany('c', 11, 4);
    expect(segments()).to.deep.equal([6, 7, 8]);
  });

  it('is kept by the group that needs it, which is told with what it keeps', () => {
    appendMany('c', 1, 2);
    appendMany('s0', 1, 3);
    appendMany('c', 3, 6);
    const all = world.log.bytes();
    expect(world.log.pinned()).to.deep.equal({ group: 'c', index: 2, bytes: all });
    world.log.release('c', 8);
    const told = world.log.pinned();
    world.time.settle();
    expect(segments()[0]).to.equal(2);
    expect(world.log.pinned()).to.deep.equal({ group: 's0', index: 2, bytes: world.log.bytes() });
    expect(told, 'before the segment has gone').to.deep.equal(world.log.pinned());
    release('s0', 2);
    expect(world.log.pinned()).to.deep.equal({ group: 's0', index: 3, bytes: world.log.bytes() });
  });

  it('is not kept by a group that is idle', () => {
    world.append([run('idle', 1, 3)]);
    appendMany('c', 1, 8);
    release('c', 8);
    expect(segments()[0]).to.equal(1);
    release('idle', 3);
    expect(segments()).to.deep.equal([newest(), newest() + 1]);
  });

  it('is not kept by entries that were replaced, though their group goes no further', () => {
    appendMany('idle', 1, 6);
    world.append([run('idle', 3, 1, { term: 2 })]);
    appendMany('c', 1, 4);
    release('c', 4);
    release('idle', 2);
    expect(world.log.pinned()).to.include({ group: 'idle', index: 3 });
    release('idle', 3);
    expect(segments()).to.deep.equal([newest(), newest() + 1]);
  });

  it('is not kept by the part of them that a start stands in for', () => {
    world.append([run('idle', 5)], [], [{ group: 'idle', index: 4, term: 1 }]);
    appendMany('c', 1, 4);
    world.append([run('idle', 5, 1, { term: 2 })]);
    release('c', 4);
    expect(segments()[0]).to.equal(newest());
  });

  it('is kept for entries that are to be replaced until they are', () => {
    appendMany('c', 1, 6);
    world.disk.faults.slow({ operation: 'write', path: world.path(newest()), ms: 50 });
    world.log.append({ states: [], starts: [], runs: [run('c', 3, 1, { term: 2 })] }, () => {});
    release('c', 2);
    expect(segments()[0]).to.equal(2);
    world.time.pass(100);
    expect(segments()[0]).to.equal(newest());
  });

  it('is not kept by entries that went with a start, but by those that stay behind it', () => {
    for (const [term, kept] of [
      [1, true],
      [2, false],
    ] as const) {
      world = new LogWorld(4096).open();
      appendMany('idle', 1, 6);
      world.append([], [], [{ group: 'idle', index: 4, term }]);
      appendMany('c', 1, 4);
      release('c', 4);
      release('idle', 4);
      expect(world.log.pinned()?.index ?? null).to.equal(kept ? 6 : null);
    }
  });

  it('knows after a start what it knew before', () => {
    appendMany('s0', 1, 3);
    appendMany('c', 1, 8);
    world.append([run('s0', 2, 1, { term: 2 }), run('c', 9)]);
    const { log } = world;
    const before = log.pinned();
    world.crash().open();
    expect(world.log.pinned()).to.deep.equal(before);
    release('s0', 1);
    release('c', 9);
    expect(segments()[0]).to.equal(newest());
  });

  it('takes a first segment with it that was too small for the first batch', () => {
    world.disk.faults.fail({ operation: 'remove', path: world.path(1), code: 'EIO' });
    world.append([run('c', 1, 1, { fill: 50_000 })]);
    checkpoint('c', 1);
    world.crash().open();
    expect(segments()[0]).to.equal(1);
    appendMany('c', 2, 4);
    release('c', 5);
    expect(segments()).to.deep.equal([newest(), newest() + 1]);
    checkpoint('c', 5);
    world.crash().open();
  });

  it('leaves the newest term and vote of every group, even of one that never had an entry', () => {
    world.append([], [vote('c', 7, 'n2'), vote('quiet', 3, 'n1')]);
    appendMany('c', 1, 8);
    release('c', 8);
    expect(segments()[0]).to.be.greaterThan(2);
    checkpoint('c', 8);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 7 for n2,', quiet: 'term 3 for n1,' });
  });

  it('waits until the next segment has the newest terms and votes, durably', () => {
    world.append([], [vote('c', 7, 'n2'), vote('quiet', 3, 'n1')]);
    appendMany('c', 1, 2);
    world.disk.faults.slow({ operation: 'write', path: world.path(2), ms: 50 });
    world.log.append({ states: [], starts: [], runs: [run('c', 3, 1, { fill: 1300 })] }, () => {});
    release('c', 2);
    expect(segments()[0], 'meanwhile').to.equal(1);
    checkpoint('c', 2);
    world.disk.faults.hasten();
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 7 for n2,', quiet: 'term 3 for n1,' });
  });

  it('leaves a row of segments that opens, wherever the power goes', () => {
    let given_back = 0;
    for (let steps = 0; steps < 30; steps++)
      for (const seed of [0, 1, 2, 3]) {
        world = new LogWorld(4096).open();
        appendMany('s0', 1, 1);
        appendMany('c', 1, 12);
        const at = newest();
        checkpoint('c', 10);
        checkpoint('s0', 1);
        world.log.release('s0', 1);
        world.log.release('c', 9);
        // An append and the next segment come in between.
        world.log.append(
          { states: [vote('c', 2, 'n1')], starts: [], runs: [run('c', 13, 1, { fill: 3000 })] },
          () => {},
        );
        for (let i = 0; i < steps; i++) world.time.step();
        world.crash(seed === 0 ? { fate: 'lost' } : { seed }).open();
        const [oldest = 0] = segments();
        expect(oldest).to.be.at.most(at);
        given_back = Math.max(given_back, oldest - 1);
        const { runs = [] } = world.recovered.get('c') ?? {};
        expect(runs.slice(0, 2).map(({ first }) => first)).to.deep.equal([11, 12]);
        for (const { first, place } of runs.slice(0, 2))
          expect(world.read(place)).to.deep.equal(run('c', first, 1, { fill: 1300 }).bytes);
        release('s0', 1);
        release('c', 10);
        expect(segments()[0], 'goes on').to.be.at.least(5);
      }
    expect(given_back, 'segments that went before the power did').to.be.greaterThan(3);
  });

  it('never has two removals on their way at once: between them the folder is synced', () => {
    appendMany('c', 1, 12);
    world.disk.faults.slow({ operation: 'syncFolder', ms: 10 });
    release('c', 12);
    for (let oldest = 2; oldest <= 6; oldest++) {
      expect(segments()[0]).to.equal(oldest);
      world.time.pass(10);
    }
  });

  it('has numbers that are never used again', () => {
    appendMany('c', 1, 8);
    release('c', 8);
    const last = newest();
    checkpoint('c', 8);
    world.crash().open();
    const [place] = appendMany('c', 9, 2);
    expect(place?.segment).to.be.at.least(last);
    appendMany('c', 11, 4);
    expect(segments()[0]).to.equal(last);
    expect(newest()).to.be.greaterThan(last);
  });

  it('is still read by those who were reading, and then by nobody', () => {
    const places = appendMany('c', 1, 8);
    const said: string[] = [];
    const read = (i: number) =>
      world.log.read(places[i] as Place, (error, bytes) => {
        said.push(error?.code ?? (bytes.equals(run('c', i + 1, 1, { fill: 1300 }).bytes) ? 'right' : 'wrong'));
      });
    world.disk.faults.slow({ operation: 'read', ms: 50 });
    read(0);
    read(1);
    release('c', 8);
    world.time.pass(20);
    expect(segments()[0], 'while it is read').to.equal(1);
    read(1);
    expect(said, 'not inside the call').to.deep.equal([]);
    world.time.pass(20);
    expect(said).to.deep.equal(['RELEASED']);
    world.time.pass(100);
    expect(said).to.deep.equal(['RELEASED', 'right', 'right']);
    expect(segments()[0]).to.equal(4);
    for (const i of [0, 2, 5]) read(i);
    world.time.pass(100);
    expect(said.slice(3)).to.deep.equal(['RELEASED', 'RELEASED', 'RELEASED']);
    expect(world.disk.openFiles, 'the one that is written to, and the next').to.equal(2);
    expect(world.fatal).to.deep.equal([]);
  });

  it('goes even if a read could not open it', () => {
    const world = new LogWorld(4096).open();
    const places: Place[] = [];
    for (let i = 1; i <= 8; i++) places.push(...world.append([run('c', i, 1, { fill: 1300 })]));
    const { bases } = world;
    bases.set('c', { index: 2, term: 1 });
    world.kill().open();
    world.disk.faults.fail({ operation: 'open', path: '0000000001', code: 'EMFILE' });
    let said = '';
    world.log.read(places[0] as Place, (error) => {
      said = error?.code ?? 'read';
    });
    world.log.release('c', 2);
    world.time.settle();
    expect(said).to.equal('EMFILE');
    expect(world.names()[0]).to.equal('0000000002.log');
  });

  for (const operation of ['remove', 'syncFolder'] as const)
    it(`ends as with any other failure of the disk when ${operation} fails, and comes back`, () => {
      appendMany('c', 1, 8);
      world.disk.faults.fail({ operation, path: '/log', code: 'EIO', skip: 1 });
      release('c', 6);
      world.time.pass(5000);
      expect(world.fatal.map(({ code }) => code)).to.deep.equal(['EIO']);
      world.log.append({ states: [], starts: [], runs: [run('c', 9)] }, () => assertNever());
      release('c', 8);
      expect(segments()[0]).to.equal(operation === 'remove' ? 2 : 3);
      checkpoint('c', 6);
      world.crash().open();
      release('c', 6);
      expect(segments()[0]).to.equal(4);
      expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 7-7 8-8' });
    });

  it('makes room on a full disk at once', () => {
    appendMany('c', 1, 8);
    world.disk.faults.leave(1000);
    appendMany('c', 9, 1);
    expect(world.log.space()).to.not.equal('ok');
    let durable = false;
    world.log.append({ states: [], starts: [], runs: [run('c', 10, 1, { fill: 3000 })] }, () => {
      world.log.append({ states: [], starts: [], runs: [run('c', 11, 1, { fill: 3000 })] }, () => {
        durable = true;
      });
    });
    world.time.settle();
    expect([durable, world.log.space()]).to.deep.equal([false, 'full']);
    release('c', 8);
    expect([durable, world.log.space()]).to.deep.equal([true, 'ok']);
  });

  it('is not waited for longer than its removal takes when the log is closed', () => {
    appendMany('c', 1, 12);
    world.disk.faults.slow({ operation: 'remove', ms: 50 });
    world.log.release('c', 12);
    let closed = false;
    world.log.close(() => {
      closed = true;
    });
    world.time.pass(40);
    expect(closed).to.equal(false);
    world.time.pass(20);
    expect([closed, world.disk.openFiles, segments()[0]]).to.deep.equal([true, 0, 2]);
  });
});

function assertNever(): never {
  throw new Error('must not be called');
}
