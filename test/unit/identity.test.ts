/** The identity of a node: replaced whole or not at all, and refused when it cannot be trusted. */
import { expect } from 'chai';
import { StorageError } from '../../node/storage/errors.js';
import { type Identity, readIdentity, writeIdentity } from '../../node/storage/identity.js';
import type { FileError, Files } from '../../node/world.js';
import { SimulatedDisk } from '../simulation/files.js';
import { seeded, VirtualTime } from './virtual-time.js';

const FOLDER = '/data/n1';
const PATH = `${FOLDER}/identity.json`;

const first: Identity = { cluster: 'demo', node: 'n1', incarnation: 'a1', born: false, members: {}, repairing: false };
const second: Identity = { ...first, born: true, members: { n1: 'a1', n2: 'b2', n3: 'c3' } };

describe('the identity of a node', () => {
  let time: VirtualTime;
  let disk: SimulatedDisk;
  let files: Files;

  beforeEach(() => {
    time = new VirtualTime();
    disk = new SimulatedDisk(time);
    files = disk.mount();
  });

  function write(identity: Identity): FileError | null | undefined {
    let outcome: FileError | null | undefined;
    writeIdentity(files, FOLDER, identity, (error) => {
      outcome = error;
    });
    time.settle();
    return outcome;
  }

  function read(): Identity | FileError | null | undefined {
    let outcome: Identity | FileError | null | undefined;
    readIdentity(files, FOLDER, (error, identity) => {
      outcome = error ?? identity;
    });
    time.settle();
    return outcome;
  }

  /** Puts any bytes where the identity stands. */
  function put(text: string): void {
    files.makeFolder(FOLDER, () => {});
    files.open(PATH, { create: true }, (_, file) => file.write(0, Buffer.from(text), () => {}));
    time.settle();
  }

  function refusal(): StorageError {
    const outcome = read();
    if (!(outcome instanceof StorageError)) throw new Error(`not refused: ${JSON.stringify(outcome)}`);
    return outcome;
  }

  it('is nothing in a folder that is new or missing', () => {
    expect(read()).to.equal(null);
    files.makeFolder(FOLDER, () => {});
    expect(read()).to.equal(null);
  });

  it('gives back what was written last', () => {
    expect(write(first)).to.equal(null);
    expect(read()).to.deep.equal(first);
    expect(write(second)).to.equal(null);
    expect(read()).to.deep.equal(second);
    expect(disk.openFiles).to.equal(0);
  });

  it('is JSON with its version first', () => {
    write(second);
    const { version, crc, ...rest } = JSON.parse(disk.contents(PATH).toString());
    expect({ version, ...rest }).to.deep.equal({ version: 3, ...second });
    expect(crc).to.be.a('number');
  });

  it('is refused when any bit of what it says has rotted', () => {
    const text = JSON.stringify(second);
    for (let bit = 0; bit < 8 * text.length; bit++) {
      write(second);
      disk.flip(PATH, bit);
      const found = read();
      if (found instanceof StorageError) expect(found.code).to.be.oneOf(['ROT', 'FORMAT']);
      else expect(found).to.deep.equal(second);
    }
  });

  it('survives a power cut once it is written, its folder included', () => {
    write(second);
    disk.crash({ random: seeded(1), fate: 'lost' });
    files = disk.mount();
    expect(read()).to.deep.equal(second);
  });

  it('stays once it was read, even if its writer died before it was durable', () => {
    write(first);
    disk.faults.fail({ operation: 'syncFolder', code: 'EIO', skip: 1 });
    expect(write(second)?.code).to.equal('EIO');
    disk.kill();
    files = disk.mount();
    expect(read()).to.deep.equal(second);
    disk.crash({ random: seeded(1), fate: 'lost' });
    files = disk.mount();
    expect(read()).to.deep.equal(second);
  });

  it('is the old one or the new one after a power cut at any moment', () => {
    const seen = new Set<boolean>();
    for (let seed = 1; seed <= 20; seed++)
      for (let steps = 0; steps < 14; steps++) {
        disk = new SimulatedDisk(time);
        files = disk.mount();
        write(first);
        writeIdentity(files, FOLDER, second, () => {});
        for (let i = 0; i < steps; i++) time.step();
        disk.crash({ random: seeded(seed) });
        time.settle();
        files = disk.mount();
        const found = read();
        expect(found)
          .to.be.oneOf([found])
          .and.to.deep.equal((found as Identity).born ? second : first);
        seen.add((found as Identity).born);
      }
    expect([...seen].sort()).to.deep.equal([false, true]);
  });

  it('reports a disk that fails', () => {
    disk.faults.fail({ operation: 'sync', code: 'EIO' });
    expect(write(first)?.code).to.equal('EIO');
    expect(read()).to.equal(null);
  });

  it('refuses a version it does not know, and says what to do', () => {
    put(JSON.stringify({ ...first, version: 4 }));
    expect(refusal().code).to.equal('FORMAT');
    expect(refusal().message).to.match(/format 4.*Run the version of Concord that wrote it/);
  });

  const garbage: [string, string][] = [
    ['an empty file', ''],
    ['no JSON', '{"version":2,'],
    ['JSON of another kind', '[1]'],
    ['null', 'null'],
    ['a missing version', JSON.stringify(first)],
    ['a missing field', JSON.stringify({ version: 3, ...first, incarnation: undefined })],
    ['a field of another type', JSON.stringify({ version: 3, ...first, born: 'yes' })],
    ['members of another type', JSON.stringify({ version: 3, ...first, members: { n1: 7 } })],
    ['no end', `${JSON.stringify({ version: 3, ...first })}${' '.repeat(1 << 17)}`],
  ];
  for (const [name, text] of garbage)
    it(`refuses ${name}`, () => {
      put(text);
      expect(refusal().code).to.equal('ROT');
      expect(refusal().path).to.equal(PATH);
    });
});
