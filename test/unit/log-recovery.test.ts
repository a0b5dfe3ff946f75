/** Recovery of the log: a batch cut short by a power cut goes, without a trace; damage anywhere is refused, never skipped. */
import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { LogWorld, run, summary } from './log-world.js';

const SECTOR = 512;
const SEGMENT = 8192;

/** A log of one segment: two batches of a sector each, then one of six sectors whose third is all zero. */
function threeBatches(): { world: LogWorld; end: number[] } {
  const world = new LogWorld(SEGMENT).open();
  const end = [SECTOR];
  const append = (...args: Parameters<LogWorld['append']>) => {
    world.append(...args);
    end.push(SECTOR + world.log.bytes() - SECTOR);
  };
  append([run('c', 1, 2)], [{ group: 'c', term: 1, vote: 'n1' }]);
  append([run('c', 3, 1), run('s0', 1, 4)]);
  const last = run('c', 4, 1, { fill: 6 * SECTOR - 28 - 13 - 17 });
  last.bytes.fill(0, 2 * SECTOR - 41, 3 * SECTOR - 41);
  append([last]);
  expect(end).to.deep.equal([1, 2, 3, 9].map((sectors) => sectors * SECTOR));
  expect(zeroSectorsOf(world.contents(1).subarray(0, end[3]))).to.deep.equal([5]);
  return { world, end };
}

const BEFORE = { c: 'term 1 for n1, 1-2 3-3', s0: 'term 0 for , 1-4' };
const ALL = { ...BEFORE, c: 'term 1 for n1, 1-2 3-3 4-4' };

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** The sectors that hold only zeros, counted from 0. */
function zeroSectorsOf(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += SECTOR)
    if (isZero(bytes.subarray(at, at + SECTOR))) found.push(at / SECTOR);
  return found;
}

/** Every non-empty subset of `items`. */
function* subsets<T>(items: readonly T[]): Generator<T[]> {
  for (let mask = 1; mask < 1 << items.length; mask++) yield items.filter((_, i) => (mask >> i) & 1);
}

describe('recovery of the log', () => {
  describe('of a last batch that was cut short', () => {
    /** Zeroes sectors of the last batch, opens the log, and looks at everything that must hold. */
    function cutsExactly(lost: readonly number[]): void {
      const { world, end } = threeBatches();
      const [, , from = 0] = end;
      const image = world.contents(1);
      for (const sector of lost) image.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
      world.kill().put(1, 0, image).open();
      expect(summary(world.recovered)).to.deep.equal(BEFORE);
      world.crash();
      expect(world.contents(1).subarray(0, from).equals(image.subarray(0, from)), 'earlier batches').to.equal(true);
      expect(isZero(world.contents(1).subarray(from)), 'cleared durably').to.equal(true);
      world.open();
      expect(world.log.bytes()).to.equal(from);
      world.append([run('c', 4, 1), run('c', 5, 1)]);
      world.crash().open();
      expect(summary(world.recovered)).to.deep.equal({ ...BEFORE, c: 'term 1 for n1, 1-2 3-3 4-4 5-5' });
    }

    it('keeps exactly the batches before, whichever of its sectors are missing', () => {
      // Sector 5 of the file is zero by right.
      for (const lost of subsets([3, 4, 6, 7, 8])) cutsExactly(lost);
    });

    it('keeps exactly the batches before, wherever it was cut', () => {
      for (let from = 3; from <= 8; from++) cutsExactly(Array.from({ length: 9 - from }, (_, i) => from + i));
    });

    it('keeps a batch in which only what is zero by right is zero', () => {
      const { world } = threeBatches();
      world.kill().open();
      expect(summary(world.recovered)).to.deep.equal(ALL);
    });

    it('does so even if the power goes again and again meanwhile', () => {
      for (let steps = 0; steps < 30; steps++) {
        const { world } = threeBatches();
        const image = world.contents(1);
        image.fill(0, 3 * SECTOR, 4 * SECTOR);
        world.kill().put(1, 0, image);
        for (const seed of [1, 2, 3]) {
          world.tryOpen();
          for (let i = 0; i < steps; i++) world.time.step();
          world.crash({ seed: seed + steps });
        }
        world.open();
        expect(summary(world.recovered)).to.deep.equal(BEFORE);
      }
    });

    it('trusts no zeros that an earlier start could not make durable: the next power cut brings back what they hid', () => {
      const { world, end } = threeBatches();
      const [, , from = 0] = end;
      const image = world.contents(1);
      image.fill(0, 3 * SECTOR, 4 * SECTOR);
      world.kill().put(1, 0, image);
      world.disk.faults.fail({ operation: 'sync', path: '0000000001.log', code: 'EIO' });
      const outcome = world.tryOpen();
      world.time.settle();
      expect(outcome.error?.message).to.contain('EIO');
      expect(world.isOpen, 'it could not be cleared').to.equal(false);
      world.kill().open();
      expect(world.log.bytes()).to.equal(from);
      world.append([run('c', 4, 1)]);
      world.crash().open();
      expect(summary(world.recovered)).to.deep.equal({ ...BEFORE, c: 'term 1 for n1, 1-2 3-3 4-4' });
    });

    /** A log of two segments, with one batch of several sectors in the second. `last` is its only entry. */
    function newSegment(): { world: LogWorld; last: number } {
      const { world } = threeBatches();
      let last = 4;
      while (world.log.bytes() <= SEGMENT) world.append([run('c', ++last, 1, { fill: 1500 })]);
      return { world, last };
    }

    /** As before, but the first sector of that batch was never written. Nor was there a third segment: that is made when it is durable. */
    function newSegmentCut(): { world: LogWorld; last: number } {
      const { world, last } = newSegment();
      world.kill().remove(3).put(2, SECTOR, Buffer.alloc(SECTOR)).open();
      return { world, last };
    }

    it('cuts the first batch of a new segment, and then that of its next attempt', () => {
      const { world, last: next } = newSegmentCut();
      for (const size of [1500, SEGMENT]) {
        world.log.append({ states: [], starts: [], runs: [run('c', next, 1, { fill: size })] }, () => {});
        world.crash().open();
        expect(world.recovered.get('c')?.runs.at(-1)).to.include({ first: next - 1 });
      }
      world.append([run('c', next)]);
      world.crash().open();
      expect(world.recovered.get('c')?.runs.at(-1)).to.include({ first: next });
    });

    it('cuts the first batch of a new segment as well', () => {
      const { world, last: next } = newSegmentCut();
      expect(world.recovered.get('c')?.runs.at(-1)).to.include({ first: next - 1 });
      expect(isZero(world.contents(2).subarray(SECTOR))).to.equal(true);
      world.append([run('c', next, 1, { fill: 1500 })]);
      world.crash().open();
      expect(world.recovered.get('c')).to.deep.include({ term: 1, vote: 'n1' });
      const last = world.recovered.get('c')?.runs.at(-1);
      expect([last?.first, last?.place.segment]).to.deep.equal([next, 2]);
      const states = Buffer.from('c\0\0\0\0\0\x01n1', 'latin1');
      expect(world.contents(2).includes(states), 'hard states at the start of the segment').to.equal(true);
    });

    it('refuses a new segment that lacks its first batch when there is another behind it: that batch was durable', () => {
      const { world } = newSegment();
      world.kill().put(2, SECTOR, Buffer.alloc(SECTOR));
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(2) });
    });

    it('refuses damage before it, in the segment before', () => {
      const { world } = newSegment();
      const used = world.contents(1).findLastIndex((byte) => byte !== 0);
      const sector = used - (used % SECTOR);
      world.kill().put(2, SECTOR, Buffer.alloc(SECTOR)).put(1, sector, Buffer.alloc(SECTOR));
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(1) });
    });

    it('refuses a batch that lacks a sector when anything at all follows', () => {
      const { world, end } = threeBatches();
      world.kill().put(1, 4 * SECTOR, Buffer.alloc(SECTOR));
      for (const at of [end[3] ?? 0, SEGMENT - 1]) {
        world.put(1, at, Buffer.from([1]));
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(1), offset: 3 * SECTOR });
        world.put(1, at, Buffer.from([0]));
      }
      world.open();
      expect(summary(world.recovered)).to.deep.equal(BEFORE);
    });
  });

  describe('of damage', () => {
    /** Flips each bit of a range, one at a time, and expects the log to be refused, unchanged. */
    function refusesEveryFlip(world: LogWorld, segment: number, from: number, to: number): void {
      world.kill();
      const before = world.contents(segment);
      for (let bit = from * 8; bit < to * 8; bit++) {
        world.disk.flip(world.path(segment), bit);
        const refused = world.refusal();
        if (refused.code !== 'ROT' || refused.path !== world.path(segment))
          throw new Error(`bit ${bit}: ${refused.message}`);
        if (refused.offset > bit / 8 || (from > 0 && refused.offset < from))
          throw new Error(`bit ${bit}: ${refused.offset}`);
        world.disk.flip(world.path(segment), bit);
      }
      expect(world.contents(segment).equals(before)).to.equal(true);
    }

    it('refuses every flipped bit of a header', () => {
      refusesEveryFlip(threeBatches().world, 1, 0, SECTOR);
    });

    it('refuses every flipped bit of the batches before the last', () => {
      const { world, end } = threeBatches();
      refusesEveryFlip(world, 1, end[0] ?? 0, end[2] ?? 0);
    });

    it('refuses every flipped bit of the last batch when that is complete', () => {
      const { world, end } = threeBatches();
      refusesEveryFlip(world, 1, end[2] ?? 0, end[3] ?? 0);
    }).timeout(10_000);

    it('loses nothing to a flipped bit where nothing stands', () => {
      const { world, end } = threeBatches();
      world.kill();
      for (let bit = (end[3] ?? 0) * 8; bit < SEGMENT * 8; bit += 97) {
        world.disk.flip(world.path(1), bit);
        const outcome = world.tryOpen();
        world.time.settle();
        // In the place of a head it could be a head: that is refused. Elsewhere it is cleared.
        if (outcome.error) world.disk.flip(world.path(1), bit);
        else expect(summary(world.recovered)).to.deep.equal(ALL);
        expect(outcome.error === null, `bit ${bit}`).to.equal(bit >= ((end[3] ?? 0) + SECTOR) * 8);
        world.kill();
      }
    });

    /** A log of several segments; the last batch of the first one has room for its record and more. */
    function manySegments(): { world: LogWorld; last: number } {
      const world = new LogWorld(4096).open();
      let last = 0;
      for (let i = 1; i <= 12; i++) last = world.append([run('c', i, 1, { fill: 1200 })])[0]?.segment ?? 0;
      expect(last).to.be.greaterThan(3);
      return { world, last };
    }

    it('refuses every flipped bit of a segment that is not the last, used or not', () => {
      const { world } = manySegments();
      const used = world.contents(2).findLastIndex((byte) => byte !== 0);
      world.kill();
      for (let bit = SECTOR * 8; bit < 4096 * 8; bit += bit < used * 8 ? 7 : 1) {
        world.disk.flip(world.path(2), bit);
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(2) });
        world.disk.flip(world.path(2), bit);
      }
      world.open();
    }).timeout(10_000);

    it('refuses sectors of zeros in a segment that is not the last', () => {
      const { world } = manySegments();
      const image = world.contents(1);
      world.kill();
      for (let at = SECTOR; at < 4096; at += SECTOR) {
        if (isZero(image.subarray(at, at + SECTOR))) continue;
        world.put(1, at, Buffer.alloc(SECTOR));
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(1) });
        world.put(1, at, image.subarray(at, at + SECTOR));
      }
      world.open();
    });

    it('refuses sectors of zeros in a batch before the last', () => {
      const { world } = threeBatches();
      const image = world.contents(1);
      world.kill();
      for (const at of [SECTOR, 2 * SECTOR]) {
        world.put(1, at, Buffer.alloc(SECTOR));
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(1), offset: at });
        world.put(1, at, image.subarray(at, at + SECTOR));
      }
    });

    it('refuses a log that lacks a segment, in the middle or at the start', () => {
      for (const missing of [1, 2, 3]) {
        const { world } = manySegments();
        world.kill().remove(missing);
        // What stands first may be any, but then it shows that entries are missing before it.
        expect(world.refusal()).to.include({ code: 'ROT', path: world.path(missing === 1 ? 2 : missing) });
      }
    });

    it('refuses a segment that lost all its batches', () => {
      const { last } = manySegments();
      for (let segment = 1; segment <= last; segment++) {
        const { world } = manySegments();
        world.kill().put(segment, SECTOR, Buffer.alloc(4096 - SECTOR));
        expect(world.refusal().code).to.equal('ROT');
      }
    });

    it('refuses a batch that stands in the place of another', () => {
      const { world } = manySegments();
      const stray = world.contents(1).subarray(SECTOR);
      world.kill().put(2, SECTOR, stray);
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(2), offset: SECTOR });
    });

    it('refuses segments that have changed places', () => {
      const { world } = manySegments();
      const [second, third] = [world.contents(2), world.contents(3)];
      world.kill().put(2, 0, third).put(3, 0, second);
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(2), offset: 0 });
    });

    it('refuses a write that went astray', () => {
      const { world } = threeBatches();
      world.disk.faults.misdirect(world.path(1), 2 * SECTOR);
      world.append([run('c', 5, 1)]);
      world.append([run('c', 6, 1)]);
      expect(world.kill().refusal()).to.include({ code: 'ROT', path: world.path(1), offset: 9 * SECTOR });
    });

    it('refuses a file that is shorter or longer than it was', () => {
      const { world } = manySegments();
      world.kill().put(2, 4096, Buffer.alloc(1));
      expect(world.refusal()).to.include({ code: 'ROT', path: world.path(2) });
      const short = new LogWorld();
      short.open().kill().remove(1).put(1, 0, Buffer.from('CONCORDL'));
      expect(short.refusal()).to.include({ code: 'ROT', path: short.path(1) });
    });
  });

  describe('of what it does not understand', () => {
    it('refuses a format of another version, and says what to do', () => {
      const { world } = threeBatches();
      const head = world.contents(1).subarray(0, 16);
      head.writeUInt32BE(3, 8);
      head.writeUInt32BE(crc32(head.subarray(0, 12)), 12);
      world.kill().put(1, 0, head);
      const refused = world.refusal();
      expect(refused).to.include({ code: 'FORMAT', path: world.path(1) });
      expect(refused.message).to.match(/format 3.*Run the version of Concord that wrote it, or a newer one/);
    });

    it('refuses a run that cannot be described', () => {
      const world = new LogWorld().open();
      const broken = run('c', 1);
      broken.bytes.writeUInt32BE(5000, 12);
      world.append([broken]);
      expect(world.kill().refusal()).to.include({ code: 'ROT', path: world.path(1) });
    });

    it('leaves alone what is not its own in the folder', () => {
      const { world } = threeBatches();
      world.files.open('/data/n1/log/notes.txt', { create: true }, () => {});
      world.kill().open();
      expect(world.names()).to.include('notes.txt');
    });
  });

  it('makes durable the name of a segment that it finds', () => {
    const world = new LogWorld();
    world.disk.faults.fail({ operation: 'syncFolder', path: '/log', code: 'EIO' });
    expect(world.tryOpen().error).to.equal(null);
    world.time.settle();
    expect(world.names()).to.deep.equal(['0000000001.log']);
    world.kill();
    // The next segment, whose making syncs the folder, is not done in time.
    world.disk.faults.slow({ operation: 'write', path: '0000000002', ms: 1000 });
    world.open();
    world.append([run('c', 1)]);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 1-1' });
  });

  it('reports a disk that fails, whichever call it is, and leaves no file open', () => {
    for (const operation of ['makeFolder', 'list', 'open', 'size', 'read', 'write', 'sync', 'syncFolder'] as const)
      for (let skip = 0; ; skip++) {
        const { world } = threeBatches();
        world.kill();
        world.disk.faults.fail({ operation, code: 'EIO', skip });
        const outcome = world.tryOpen();
        world.time.settle();
        if (outcome.error === null) break;
        expect(outcome.error.code, `${operation} ${skip}`).to.equal('EIO');
        expect(world.disk.openFiles, `open files after ${operation} ${skip}`).to.equal(0);
        world.disk.faults.heal();
        world.open();
        expect(summary(world.recovered)).to.deep.equal(ALL);
      }
  });
});
