/** A base that kills the process at every start is noticed, and one that does not is left in peace. */
import { expect } from 'chai';
import { ATTEMPTS_MAX, guardOpening, type Opening } from '../../node/storage/opening-guard.js';
import type { Done } from '../../node/world.js';
import { SimulatedDisk } from '../simulation/files.js';
import { seeded, VirtualTime } from './virtual-time.js';

describe('the guard of an opening', () => {
  const time = new VirtualTime();
  let disk: SimulatedDisk;

  function now<T>(make: (done: Done<T>) => void): T {
    const outcome: { error?: Error | null; value?: T } = {};
    make((error, value) => Object.assign(outcome, { error, value }));
    time.pass(0);
    if (outcome.error !== null) throw outcome.error ?? new Error('no answer');
    return outcome.value as T;
  }
  /** A process starts and is about to open the base. */
  function start(): Opening {
    const opening = now<Opening | null>((done) => guardOpening(disk.mount(), '/data/base', done));
    if (opening === null) throw new Error('no opening');
    return opening;
  }
  /** As many attempts as there may be, each ended by `end`. */
  function attempts(end: () => void): void {
    for (let i = 0; i < ATTEMPTS_MAX; i++) {
      expect(start().suspect, `attempt ${i + 1}`).to.equal(false);
      end();
    }
  }
  const end = (opening: Opening) => now<void>((done) => opening.ended(done));

  beforeEach(() => {
    disk = new SimulatedDisk(time);
  });

  it('lets a base be opened that was always loaded', () => {
    for (let i = 0; i < 5; i++) {
      const opening = start();
      expect(opening.suspect).to.equal(false);
      end(opening);
      disk.kill();
    }
    expect(disk.paths()).to.deep.equal([]);
  });

  it('gives a base some chances, and then no more', () => {
    attempts(() => disk.kill());
    for (let i = 0; i < 3; i++) {
      expect(start().suspect).to.equal(true);
      disk.kill();
    }
  });

  it('forgets attempts that failed once one has come to its end', () => {
    start();
    disk.kill();
    end(start());
    disk.kill();
    attempts(() => disk.kill());
  });

  it('counts attempts that the power cut ended, whatever was not synced', () => {
    attempts(() => disk.crash({ random: seeded(1), fate: 'lost' }));
    expect(start().suspect).to.equal(true);
  });

  it('takes no end cut short for more attempts', () => {
    for (let steps = 1; steps < 14; steps++) {
      disk = new SimulatedDisk(time);
      for (let i = 1; i < ATTEMPTS_MAX; i++) {
        start();
        disk.kill();
      }
      start().ended(() => {});
      for (let i = 0; i < steps; i++) time.step();
      disk.crash({ random: seeded(steps), fate: 'kept' });
      expect(start().suspect, `${steps} steps`).to.equal(false);
    }
  });

  it('lets a new base be opened once the damaged one is set aside', () => {
    attempts(() => disk.kill());
    const opening = start();
    expect(opening.suspect).to.equal(true);
    now<void>((done) => disk.mount().rename('/data/base', '/data/base-damaged', done));
    end(opening);
    expect(start().suspect).to.equal(false);
  });

  it('passes on what goes wrong with the marks', () => {
    disk.faults.fail({ operation: 'syncFolder', path: '/data/base', code: 'EIO' });
    expect(() => start()).to.throw(/EIO/);
  });
});
