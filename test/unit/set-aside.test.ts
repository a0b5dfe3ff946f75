/** Setting a damaged folder aside: it is kept whole under a name of its own, and a new one can begin, whenever the power goes. */
import { expect } from 'chai';
import { setAside } from '../../node/storage/set-aside.js';
import type { FileError } from '../../node/world.js';
import { FOLDER, LogWorld, run, summary } from './log-world.js';

describe('a damaged log that is set aside', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld().open();
    world.append([run('c', 1)]);
    world.kill();
    world.disk.flip(world.path(1), 8 * 600);
  });

  /** What setting aside came to. */
  const aside = (): { error: FileError | null; path: string | null } => {
    const outcome: { error: FileError | null; path: string | null } = { error: null, path: null };
    setAside(world.files, FOLDER, (error, path) => Object.assign(outcome, { error, path }));
    world.time.settle();
    return outcome;
  };
  const paths = () => world.disk.paths().filter((path) => path.endsWith('0000000001.log'));

  it('keeps its files as they are, and makes place for a new one', () => {
    const damaged = world.contents(1);
    expect(world.refusal().code).to.equal('ROT');
    const { path } = aside();
    expect(path).to.equal(`${FOLDER}.damaged-1`);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({});
    expect(world.disk.contents(`${path}/0000000001.log`).equals(damaged)).to.equal(true);
  });

  it('never takes the place of another', () => {
    for (const number of [1, 2, 3]) {
      expect(aside()).to.deep.equal({ error: null, path: `${FOLDER}.damaged-${number}` });
      world.open().kill();
    }
    expect(paths()).to.have.length(4);
  });

  it('is there under the old name or the new one, wherever the power goes', () => {
    for (let steps = 0; steps < 5; steps++)
      for (const fate of ['lost', 'kept'] as const) {
        const before = paths().length;
        setAside(world.files, FOLDER, () => {});
        for (let i = 0; i < steps; i++) world.time.step();
        world.crash({ fate });
        expect(paths()).to.have.length(before);
        if (!paths().includes(world.path(1))) world.open().kill();
      }
  });

  it('need not be there', () => {
    aside();
    expect(aside()).to.deep.equal({ error: null, path: null });
    world = new LogWorld();
    expect(aside()).to.deep.equal({ error: null, path: null });
  });

  it('stays where it is when the disk fails, which is told', () => {
    for (const operation of ['list', 'rename', 'syncFolder'] as const) {
      world.disk.faults.fail({ operation, code: 'EIO' });
      expect(aside().error?.code, operation).to.equal('EIO');
      world.crash();
      expect(paths()).to.deep.equal([world.path(1)]);
    }
  });
});
