/** The log on a disk that is full, fails or lies: it waits, ends or refuses, and never says what is not so. */
import { expect } from 'chai';
import type { Place } from '../../node/storage/log.js';
import { LogWorld, run, summary } from './log-world.js';

describe('the log', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld();
  });

  describe('on a full disk', () => {
    /** A log whose next segment cannot be made. */
    const fill = () => {
      world.disk.faults.leave(10_000);
      world.open();
      world.time.pass(0);
    };

    it('says that room is low, then that there is none, and goes on by itself when there is', () => {
      fill();
      expect(world.log.space()).to.equal('low');
      let next = 1;
      while (world.log.space() === 'low') world.append([run('c', next++, 1, { fill: 400 })]);
      expect(world.log.space()).to.equal('full');
      world.disk.faults.heal();
      world.time.pass(1000);
      expect(world.log.space()).to.equal('ok');
      for (let i = 0; i < 20; i++) world.append([run('c', next++, 1, { fill: 400 })]);
      world.crash().open();
      expect(world.recovered.get('c')?.runs).to.have.length(next - 1);
      expect(world.fatal).to.deep.equal([]);
    });

    it('lets an append wait that needs a new segment, and loses nothing', () => {
      fill();
      let durable = false;
      world.log.append({ states: [], starts: [], runs: [run('c', 1, 1, { fill: 7800 })] }, () => {
        durable = true;
      });
      world.time.pass(5000);
      expect([durable, world.log.space()]).to.deep.equal([false, 'full']);
      world.disk.faults.heal();
      world.time.pass(1000);
      expect([durable, world.log.space()]).to.deep.equal([true, 'ok']);
      world.crash().open();
      expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 1-1' });
    });

    it('gets over remains of a segment that it could not clear away', () => {
      world.disk.faults.fail({ operation: 'remove', path: '0000000002', code: 'EIO', skip: 1 });
      fill();
      expect(world.names()).to.deep.equal(['0000000001.log', '0000000002.tmp']);
      world.disk.faults.heal();
      world.time.pass(1000);
      expect(world.names()).to.deep.equal(['0000000001.log', '0000000002.log']);
      expect(world.log.space()).to.equal('ok');
    });

    it('leaves the room that is left to others while it waits', () => {
      fill();
      expect(world.names()).to.deep.equal(['0000000001.log']);
      expect(world.disk.faults.free_bytes).to.equal(10_000 - 8192);
    });

    it('does not begin a log that has no room', () => {
      world.disk.faults.leave(1000);
      const outcome = world.tryOpen();
      world.time.settle();
      expect(outcome.error?.code).to.equal('ENOSPC');
      expect(world.disk.openFiles).to.equal(0);
      world.disk.faults.heal();
      world.open();
    });
  });

  describe('when the disk fails', () => {
    for (const operation of ['write', 'sync'] as const)
      it(`ends at a ${operation} that fails: once, without an answer, without a second try`, () => {
        world.open();
        world.append([run('c', 1)]);
        world.disk.faults.fail({ operation, code: 'EIO' });
        let answered = false;
        world.log.append({ states: [], starts: [], runs: [run('c', 2)] }, () => {
          answered = true;
        });
        world.time.pass(5000);
        const append = () => world.log.append({ states: [], starts: [], runs: [run('c', 3)] }, () => assertNever());
        append();
        append();
        world.time.pass(5000);
        expect(answered).to.equal(false);
        expect(world.fatal.map((error) => error.code)).to.deep.equal(['EIO']);
      });

    it('ends as well when the next segment cannot be made for another reason than room', () => {
      world.disk.faults.fail({ operation: 'sync', path: '0000000002', code: 'EIO' });
      world.open();
      world.time.pass(5000);
      expect(world.fatal.map((error) => error.code)).to.deep.equal(['EIO']);
      expect(world.names()).to.deep.equal(['0000000001.log']);
    });

    for (const sync of ['goes well', 'fails too'])
      it(`answers no append once the disk has failed elsewhere, even if its own sync ${sync}`, () => {
        world.open();
        world.append([run('c', 1, 1, { fill: 7000 })]);
        world.disk.faults.fail({ operation: 'write', path: '0000000003', code: 'EIO' });
        world.disk.faults.slow({ operation: 'write', path: '0000000003', ms: 20 });
        world.log.append({ states: [], starts: [], runs: [run('c', 2, 1, { fill: 7000 })] }, () => {
          // Now segment 3 is being made.
          world.disk.faults.slow({ operation: 'sync', path: '0000000002', ms: 50 });
          if (sync === 'fails too') world.disk.faults.fail({ operation: 'sync', path: '0000000002', code: 'EIO' });
          world.log.append({ states: [], starts: [], runs: [run('c', 3)] }, () => assertNever());
        });
        world.time.pass(30);
        expect(world.fatal.map((error) => error.message)).to.deep.equal(['EIO: /data/n1/log/0000000003.tmp']);
        world.time.pass(5000);
        expect(world.fatal).to.have.length(1);
      });

    it('makes durable at the next start what the system still holds of a sync that failed', () => {
      world.open();
      world.append([run('c', 1)]);
      world.disk.faults.fail({ operation: 'sync', code: 'EIO' });
      world.log.append({ states: [], starts: [], runs: [run('c', 2)] }, () => {});
      world.time.settle();
      world.kill().open();
      const seen = summary(world.recovered);
      expect(seen).to.deep.equal({ c: 'term 0 for , 1-1 2-2' });
      world.crash().open();
      expect(summary(world.recovered)).to.deep.equal(seen);
    });

    it('passes on an error of a read, and goes on', () => {
      world.open();
      const [place] = world.append([run('c', 1)]);
      world.disk.faults.fail({ operation: 'read', code: 'EIO' });
      expect(world.read(place as Place)).to.equal('EIO');
      expect(world.read(place as Place)).to.be.instanceOf(Buffer);
      expect(world.fatal).to.deep.equal([]);
    });

    it('never gives back bytes that are not what was written', () => {
      world.open();
      const [place] = world.append([run('c', 1)]) as [Place];
      for (let bit = place.offset * 8; bit < (place.offset + place.length) * 8; bit++) {
        world.disk.flip(world.path(1), bit);
        expect(world.read(place)).to.equal('ROT');
        world.disk.flip(world.path(1), bit);
      }
    });

    it('never gives back bytes that were written for another place', () => {
      world.open();
      const [place] = world.append([run('c', 1)]) as [Place];
      const record = world.contents(1).subarray(place.offset, place.offset + place.length);
      world.put(1, 4096, record).put(2, place.offset, record);
      expect(world.read(place)).to.be.instanceOf(Buffer);
      expect(world.read({ ...place, offset: 4096 })).to.equal('ROT');
      expect(world.read({ ...place, segment: 2 })).to.equal('ROT');
    });
  });

  it('closes in the middle of making a segment, and while it waits for room', () => {
    for (const room of [Number.POSITIVE_INFINITY, 10_000]) {
      world = new LogWorld();
      world.disk.faults.leave(room);
      world.tryOpen();
      while (!world.isOpen) world.time.step();
      if (room === 10_000) world.time.settle();
      let closed = false;
      world.log.close(() => {
        closed = true;
      });
      world.time.pass(5000);
      expect([closed, world.disk.openFiles]).to.deep.equal([true, 0]);
    }
  });
});

function assertNever(): never {
  throw new Error('must not be called');
}
