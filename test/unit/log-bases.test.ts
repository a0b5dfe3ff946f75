/** The log behind checkpoints and snapshots: it continues them without a gap, or goes; what is missing is told, never passed over. */
import { expect } from 'chai';
import { LogWorld, run, summary, vote } from './log-world.js';

describe('the log behind a base', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld(4096).open();
  });

  const base = (group: string, index: number, term = 1) => {
    world.bases.set(group, { index, term });
    return world;
  };
  const appendMany = (group: string, first: number, count: number) => {
    for (let i = first; i < first + count; i++) world.append([run(group, i, 1, { fill: 1300 })]);
  };
  /** Power off and on again: what is found of `c`. */
  const found = () => {
    world.crash().open();
    return summary(world.recovered)['c']?.replace('term 0 for , ', '');
  };
  /** As `found`, twice: the second start must not come to anything else. */
  const foundTwice = () => {
    const first = found();
    expect(found()).to.equal(first);
    return first;
  };
  const NOTHING = 'term 0 for ,';

  it('begins right behind it', () => {
    world.append([run('c', 1, 4)]);
    world.append([run('c', 5, 2)]);
    base('c', 4);
    expect(foundTwice()).to.equal('5-6');
    base('c', 6);
    expect(foundTwice()).to.equal(NOTHING);
    world.append([run('c', 7)]);
    expect(foundTwice()).to.equal('7-7');
  });

  it('begins in the middle of a run, whose bytes are still where they were', () => {
    const [place] = world.append([run('c', 1, 9, { term: 3 })]);
    base('c', 5, 3).crash().open();
    expect(world.recovered.get('c')?.runs).to.deep.equal([{ group: 'c', first: 6, count: 4, term: 3, place }]);
    if (place) expect(world.read(place)).to.deep.equal(run('c', 1, 9, { term: 3 }).bytes);
  });

  it('is cut there and in the middle of a later run alike', () => {
    world.append([run('c', 1, 9)]);
    world.append([run('c', 7, 3, { term: 2 })]);
    base('c', 5);
    expect(foundTwice()).to.equal('6-6 7-9');
  });

  it('may have had its entries before the base replaced', () => {
    world.append([run('c', 1, 9, { term: 1 })]);
    world.append([run('c', 3, 2, { term: 2 })]);
    world.append([run('c', 5, 3, { term: 3 })]);
    for (const [index, term, left] of [
      [2, 1, '3-4 5-7'],
      [4, 2, '5-7'],
      [6, 3, '7-7'],
    ] as const) {
      base('c', index, term);
      expect(foundTwice()).to.equal(left);
    }
  });

  describe('goes as a whole', () => {
    for (const [name, index, term] of [
      ['when it ends before the base', 12, 1],
      ['when it ends there with another term', 9, 2],
      ['when it has another term there', 5, 2],
    ] as const)
      it(`${name}, and does not come back`, () => {
        world.append([run('c', 1, 9)], [vote('c', 1, 'n1')]);
        world.append([run('s0', 1, 2)]);
        base('c', index, term);
        expect(foundTwice()).to.equal('term 1 for n1,');
        expect(summary(world.recovered)['s0']).to.equal('term 0 for , 1-2');
        world.append([run('c', index + 1, 2, { term: 5 })]);
        expect(foundTwice()).to.equal(`term 1 for n1, ${index + 1}-${index + 2}`);
        // Nor if the entries that came instead go beyond where it ended.
        world.append([run('c', index + 3, 9, { term: 5 })]);
        expect(foundTwice()).to.equal(`term 1 for n1, ${index + 1}-${index + 2} ${index + 3}-${index + 11}`);
      });

    it('once: what came instead is not taken away again', () => {
      world.append([run('c', 1, 9)]);
      base('c', 5, 2).crash().open();
      for (let index = 6; index <= 8; index++) world.append([run('c', index, 1, { term: index })]);
      base('c', 8, 8).log.release('c', 8);
      for (let index = 9; index <= 11; index++) world.append([run('c', index, 1, { term: 9 })]);
      expect(foundTwice()).to.equal('9-9 10-10 11-11');
    });

    it('and what comes instead says so itself', () => {
      world.append([run('c', 1, 9)]);
      base('c', 12).crash().open();
      world.append([run('c', 13)]);
      base('c', 9);
      expect(world.crash().refusal().message).to.match(/entries of c from 10 to 12 are missing/);
    });

    it('and comes back in no part, wherever the power goes at the first append behind it', () => {
      for (let steps = 0; steps < 12; steps++)
        for (const seed of [1, 2, 3]) {
          world = new LogWorld(4096).open();
          world.append([run('c', 1, 9, { fill: 2900 })]);
          base('c', 5, 2).crash().open();
          const runs = [run('c', 6, 1, { term: 2, fill: 900 })];
          world.log.append({ states: [], starts: [], runs }, () => {});
          for (let i = 0; i < steps; i++) world.time.step();
          world.crash({ seed }).open();
          const left = world.recovered.get('c')?.runs.map(({ first, term }) => `${first} of term ${term}`);
          expect(left?.join()).to.be.oneOf(['', '6 of term 2']);
        }
    });
  });

  describe('with a start in it', () => {
    it('goes up to there, when the entry is the same: what stands behind it stays', () => {
      world.append([run('c', 1, 9)]);
      base('c', 5).append([], [], [{ group: 'c', index: 5, term: 1 }]);
      expect(foundTwice()).to.equal('6-9');
      world.append([run('c', 10)]);
      expect(foundTwice()).to.equal('6-9 10-10');
    });

    it('does so even if what lies before was released', () => {
      world.append([run('c', 1, 9)]);
      world.log.release('c', 3);
      base('c', 5).append([], [], [{ group: 'c', index: 5, term: 1 }]);
      expect(foundTwice()).to.equal('6-9');
    });

    it('takes nothing away if it comes again', () => {
      for (let i = 0; i < 2; i++) {
        base('c', 5).append([], [], [{ group: 'c', index: 5, term: 1 }]);
        if (i === 0) world.append([run('c', 6, 4)]);
      }
      expect(foundTwice()).to.equal('6-9');
    });

    it('goes as a whole when the entry is another one or missing', () => {
      for (const [index, term] of [
        [5, 2],
        [9, 2],
        [20, 1],
      ] as const) {
        world = new LogWorld(4096).open();
        world.append([run('c', 1, 9)]);
        base('c', index, term).append([run('c', index + 1, 2, { term: 3 })], [], [{ group: 'c', index, term }]);
        expect(foundTwice()).to.equal(`${index + 1}-${index + 2}`);
        base('c', index + 1, 3);
        expect(foundTwice()).to.equal(`${index + 2}-${index + 2}`);
      }
    });

    it('finds the entry whatever was replaced before, in whichever run it stands', () => {
      for (const [index, term, kept] of [
        [2, 1, true],
        [3, 1, false],
        [3, 2, true],
        [5, 2, true],
        [6, 2, false],
        [6, 3, true],
      ] as const) {
        world = new LogWorld(4096).open();
        world.append([run('c', 1, 9, { term: 1 })]);
        world.append([run('c', 3, 2, { term: 2 }), run('c', 5, 1, { term: 2 })]);
        world.append([run('c', 6, 4, { term: 3 })]);
        world.crash().open();
        base('c', index, term).append([], [], [{ group: 'c', index, term }]);
        expect(foundTwice() === NOTHING, `${index} of term ${term}`).to.equal(!kept);
      }
    });

    it('takes it before the runs of its batch, and several in a row', () => {
      world.append([run('c', 1, 3)]);
      world.append([run('c', 11, 2, { term: 2 })], [], [{ group: 'c', index: 10, term: 2 }]);
      world.append([run('c', 21, 2, { term: 3 })], [], [{ group: 'c', index: 20, term: 3 }]);
      base('c', 20, 3);
      expect(foundTwice()).to.equal('21-22');
    });

    it('refuses to go without the base that it was written for', () => {
      for (const last of [3, 12]) {
        world = new LogWorld(4096).open();
        world.append([run('c', 1, last)]);
        world.append([run('c', 11, 2)], [], [{ group: 'c', index: 10, term: 1 }]);
        base('c', 9);
        expect(world.crash().refusal().message).to.match(/entries of c from 10 to 10 are missing/);
      }
    });
  });

  it('is no matter of groups that have none', () => {
    world.append([run('c', 1, 3), run('s0', 1, 3)]);
    base('s1', 7, 2).crash().open();
    expect(summary(world.recovered)).to.deep.equal({
      c: 'term 0 for , 1-3',
      s0: 'term 0 for , 1-3',
      s1: 'term 0 for ,',
    });
    world.append([run('s1', 8)]);
    world.crash().open();
    expect(summary(world.recovered)['s1']).to.equal('term 0 for , 8-8');
  });

  it('may have a gap that the base covers, and no other', () => {
    world.append([run('c', 1, 2)]);
    world.append([run('c', 6, 2)]);
    base('c', 4);
    expect(world.crash().refusal().message).to.match(/entries of c before 6 are missing/);
    base('c', 5);
    expect(foundTwice()).to.equal('6-7');
  });

  describe('whose beginning was given back', () => {
    /** `c` up to 8, checkpointed at 6; `idle` up to 2 in the first segment, checkpointed there. */
    beforeEach(() => {
      world.append([run('idle', 1, 2)]);
      appendMany('c', 1, 8);
      base('c', 6);
      base('idle', 2);
      for (const [group, { index }] of world.bases) world.log.release(group, index);
      world.time.settle();
      expect(world.names()[0]).to.equal('0000000004.log');
    });

    it('goes on from there', () => {
      expect(foundTwice()).to.equal('7-7 8-8');
      world.append([run('c', 9), run('idle', 3)]);
      expect(foundTwice()).to.equal('7-7 8-8 9-9');
      expect(summary(world.recovered)['idle']).to.equal('term 0 for , 3-3');
    });

    it('is refused when a base does not reach up to it: of a busy group', () => {
      base('c', 3);
      expect(world.crash().refusal()).to.include({ code: 'ROT', path: world.path(4) });
      world.bases.delete('c');
      expect(world.refusal().message).to.match(/entries of c from 1 to \d are missing/);
    });

    it('and of one of which nothing else is left', () => {
      base('idle', 1);
      expect(world.crash().refusal().message).to.match(/entries of idle from 2 to 2 are missing/);
      world.bases.delete('idle');
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(4) });
    });

    it('is refused without the first batch of its first segment: the newest terms and votes stood there', () => {
      // Nothing is left but that batch.
      const image = world.contents(4);
      const end = 512 + Math.ceil((28 + image.readUInt32BE(512 + 4)) / 512) * 512;
      world
        .kill()
        .remove(5)
        .remove(6)
        .put(4, end, Buffer.alloc(4096 - end))
        .open();
      expect(world.recovered.get('c')?.runs).to.have.length(1);
      world.kill();
      for (const [from, to] of [
        [512, end],
        [512, 1024],
        [end - 512, end],
      ] as const) {
        world.put(4, from, Buffer.alloc(to - from));
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(4) });
        world.put(4, from, image.subarray(from, to));
      }
      world.open();
    });

    it('is refused when its first segment has lost its first batches, or one in the middle is missing', () => {
      const image = world.contents(4);
      const damaged = Buffer.from(image);
      damaged.fill(0, 512, 1024);
      world.kill().put(4, 0, damaged);
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(4) });
      world.put(4, 0, image).open();
      appendMany('c', 9, 4);
      world.kill().remove(5);
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(5) });
    });

    it('is refused when a segment knows of entries that are not there', () => {
      appendMany('c', 9, 4);
      world.kill();
      // Segment 5 as a log with one entry more would have begun it: a mark stands there, under checks that pass.
      const other = new LogWorld(4096).open();
      other.append([run('idle', 1, 3)]);
      for (let i = 1; i <= 12; i++) other.append([run('c', i, 1, { fill: 1300 })]);
      world.put(5, 0, other.contents(5));
      expect(world.refusal().message).to.match(/the log of idle ends at 2, not 3/);
    });
  });
});
