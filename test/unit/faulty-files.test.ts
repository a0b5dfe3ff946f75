/** A disk that is broken on order: full, or slow to sync. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FaultyFiles } from '../../node/faults/disk.js';
import { flipBit } from '../../node/faults/flip.js';
import type { Done, File } from '../../node/world.js';
import { realFiles, realWorld } from '../../node/world-real.js';
import { SimulatedDisk } from '../simulation/files.js';
import { call, codeOf, filesCompliance } from './files-compliance.js';
import { VirtualTime } from './virtual-time.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

filesCompliance('that can be broken', () => {
  const folder = mkdtempSync(join(tmpdir(), 'concord-faulty-'));
  folders.push(folder);
  return { files: new FaultyFiles(realFiles, realWorld().scheduler), folder };
});

describe('files that can be broken', () => {
  let time: VirtualTime;
  let files: FaultyFiles;

  beforeEach(() => {
    time = new VirtualTime();
    files = new FaultyFiles(new SimulatedDisk(time).mount(), time);
  });

  /** Makes a call and lets `ms` pass; the code of its error, 'none', or 'no answer' yet. */
  function within<T>(ms: number, make: (done: Done<T>) => void): string {
    let outcome = 'no answer';
    make((error) => {
      outcome = error?.code ?? 'none';
    });
    time.pass(ms);
    return outcome;
  }
  function opened(path: string, durable = false): File {
    let file: File | null = null;
    files.open(path, { create: true, durable }, (_, made) => {
      file = made;
    });
    time.pass(0);
    if (file === null) throw new Error(`no ${path}`);
    return file;
  }
  const write = (file: File, offset: number, text: string) =>
    within<void>(0, (done) => file.write(offset, Buffer.from(text), done));

  it('are full: no file grows, what has its room can be written, and it ends', () => {
    const file = opened('/a');
    expect(write(file, 0, 'hello')).to.equal('none');
    files.full = true;
    expect(write(file, 3, 'ab')).to.equal('none');
    expect(write(file, 3, 'abc')).to.equal('ENOSPC');
    expect(write(opened('/b'), 0, 'x')).to.equal('ENOSPC');
    expect(within<void>(0, (done) => file.sync(done))).to.equal('none');
    files.full = false;
    expect(write(file, 3, 'abc')).to.equal('none');
  });

  it('are slow: a sync of a file or folder, or a durable write, takes at least so long', () => {
    const file = opened('/a');
    const durable = opened('/b', true);
    files.sync_ms = 10;
    const syncs = [
      (done: Done) => file.sync(done),
      (done: Done) => files.syncFolder('/', done),
      (done: Done) => durable.write(0, Buffer.from('x'), done),
    ];
    for (const sync of syncs) {
      let done = 0;
      sync((error) => {
        expect(error).to.equal(null);
        done++;
      });
      time.pass(9);
      expect(done).to.equal(0);
      time.pass(1);
      expect(done).to.equal(1);
    }
    expect(write(file, 0, 'x')).to.equal('none');
    files.sync_ms = 0;
    expect(within<void>(0, (done) => file.sync(done))).to.equal('none');
  });

  it('tell of a slow sync that fails', () => {
    files.sync_ms = 10;
    expect(within<void>(10, (done) => files.syncFolder('/missing', done))).to.equal('ENOENT');
  });
});

describe('a bit of a file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'concord-flip-'));
    folders.push(folder);
  });

  it('is turned over, and back', async () => {
    const path = join(folder, 'a');
    const file = await call<File>((done) => realFiles.open(path, { create: true }, done));
    await call<void>((done) => file.write(0, Buffer.from('abc'), done));
    const flip = () => call((done) => flipBit(realFiles, path, 1, 3, done));
    expect(await flip()).to.deep.equal({ before: 98, after: 106 });
    expect((await call<Buffer>((done) => file.read(0, 9, done))).toString()).to.equal('ajc');
    expect(await flip()).to.deep.equal({ before: 106, after: 98 });
    await call<void>((done) => file.close(done));
  });

  it('has to be there', async () => {
    expect(await codeOf(call((done) => flipBit(realFiles, join(folder, 'b'), 0, 0, done)))).to.equal('ENOENT');
    const path = join(folder, 'a');
    const file = await call<File>((done) => realFiles.open(path, { create: true }, done));
    await call<void>((done) => file.close(done));
    let message = '';
    await call((done) => flipBit(realFiles, path, 0, 0, done)).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.equal('the file ends before it');
  });
});
