/** Files: the real and the simulated form keep the same promises, and the simulated one loses what it may lose. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Done, File, Files } from '../../node/world.js';
import { realFiles, realWorld } from '../../node/world-real.js';
import { SimulatedDisk } from '../simulation/files.js';
import { type Fate, SECTOR_BYTES } from '../simulation/inode.js';
import { call, filesCompliance } from './files-compliance.js';
import { seeded, VirtualTime } from './virtual-time.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

filesCompliance('real', () => {
  const folder = mkdtempSync(join(tmpdir(), 'concord-files-'));
  folders.push(folder);
  return { files: realFiles, folder };
});

filesCompliance('simulated', () => ({ files: new SimulatedDisk(realWorld().scheduler).mount(), folder: '' }));

describe('a real file opened to be written durably', () => {
  it('is one whose writes the system itself syncs, where it syncs them whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'concord-files-'));
    folders.push(folder);
    const syncs = async (name: string, durable: boolean) => {
      const path = join(folder, name);
      const file = await call<File>((done) => realFiles.open(path, { create: true, durable }, done));
      const found = opensOf(path);
      await call<void>((done) => file.close(done));
      return found;
    };
    // As fcntl.h of Linux has it. Elsewhere a write is followed by a call to sync, which shows nowhere.
    const O_DSYNC = 0o10000;
    const expected = process.platform === 'linux' ? [[0], [O_DSYNC]] : [[], []];
    const found = [await syncs('plain', false), await syncs('durable', true)];
    expect(found.map((flags) => flags.map((flag) => flag & O_DSYNC))).to.deep.equal(expected);
  });
});

/** The flags of every descriptor of this process that is open on `path`; none on systems that do not tell. */
function opensOf(path: string): number[] {
  if (process.platform !== 'linux') return [];
  const flags: number[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== path) continue;
      const [, octal = ''] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
      flags.push(Number.parseInt(octal, 8));
    } catch {
      // It was closed meanwhile: the one that lists them, for example.
    }
  }
  return flags;
}

describe('a simulated disk', () => {
  let time: VirtualTime;
  let disk: SimulatedDisk;
  let files: Files;

  /** Makes a call and lets it end; returns its value or the code of its error. */
  function now<T>(make: (done: Done<T>) => void): T | string | undefined {
    let outcome: T | string | undefined = 'no answer';
    make((error, value) => {
      outcome = error ? error.code : value;
    });
    time.pass(0);
    return outcome;
  }
  function open(path: string, durable = false): File {
    const file = now<File>((done) => files.open(path, { create: true, durable }, done));
    if (file === undefined || typeof file === 'string') throw new Error(`open ${path}: ${file}`);
    return file;
  }
  const write = (file: File, offset: number, data: string | Buffer) =>
    now<void>((done) => file.write(offset, Buffer.from(data), done));
  const sync = (file: File) => now<void>((done) => file.sync(done));
  const syncFolder = (path: string) => now<void>((done) => files.syncFolder(path, done));
  const names = (path: string) => now<string[]>((done) => files.list(path, done));

  /** The power goes, and comes back. */
  function crash(fate?: Fate, seed = 1): void {
    disk.crash(fate === undefined ? { random: seeded(seed) } : { random: seeded(seed), fate });
    files = disk.mount();
  }

  beforeEach(() => {
    time = new VirtualTime();
    disk = new SimulatedDisk(time);
    files = disk.mount();
  });

  it('keeps what was synced through a power cut and loses what was not', () => {
    const file = open('/a');
    syncFolder('/');
    write(file, 0, 'synced');
    sync(file);
    write(file, 0, 'SYN');
    write(file, 6, ' and more');
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('synced');
  });

  it('may keep what was not synced', () => {
    const file = open('/a');
    write(file, 0, 'lucky');
    crash('kept');
    expect(disk.contents('/a').toString()).to.equal('lucky');
  });

  it('keeps everything when only the process dies', () => {
    write(open('/a'), 0, 'cached');
    disk.kill();
    expect(disk.contents('/a').toString()).to.equal('cached');
  });

  it('tears writes at sectors, and nowhere else', () => {
    const file = open('/a');
    write(file, 0, Buffer.alloc(20 * SECTOR_BYTES, 'a'));
    sync(file);
    syncFolder('/');
    const seen = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      write(open('/a'), 0, Buffer.alloc(20 * SECTOR_BYTES, 'a'));
      sync(open('/a'));
      write(open('/a'), 100, Buffer.alloc(19 * SECTOR_BYTES, 'b'));
      crash('torn', seed);
      const after = disk.contents('/a').toString();
      seen.add(after);
      expect(after.slice(0, 100) + after.slice(100 + 19 * SECTOR_BYTES)).to.match(/^a+$/);
      for (let at = 0; at < after.length; at += SECTOR_BYTES)
        expect(after.slice(Math.max(100, at), Math.min(at + SECTOR_BYTES, 100 + 19 * SECTOR_BYTES))).to.match(
          /^(a*|b*)$/,
        );
    }
    expect(seen.size).to.be.greaterThan(20);
  });

  it('does the same again for the same random numbers', () => {
    const run = () => {
      disk = new SimulatedDisk(time);
      files = disk.mount();
      for (const name of ['/a', '/b', '/c']) write(open(name), 0, Buffer.alloc(5000, name));
      crash(undefined, 7);
      const left = names('/') as string[];
      return left.map((name) => [name, disk.contents(`/${name}`).toString('hex')]);
    };
    expect(run()).to.deep.equal(run());
  });

  it('forgets a name whose folder was not synced, though the file was', () => {
    const file = open('/a');
    write(file, 0, 'x');
    sync(file);
    crash('lost');
    expect(names('/')).to.deep.equal([]);
  });

  it('remembers a name whose folder was synced, but not the bytes of a file that was not', () => {
    write(open('/a'), 0, 'x');
    syncFolder('/');
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('takes a rename back that was not synced, whole', () => {
    for (const name of ['/a', '/b']) {
      const file = open(name);
      write(file, 0, name);
      sync(file);
    }
    syncFolder('/');
    now<void>((done) => files.rename('/b', '/a', done));
    expect(disk.contents('/a').toString()).to.equal('/b');
    crash('lost');
    expect(names('/')).to.deep.equal(['a', 'b']);
    expect(disk.contents('/a').toString()).to.equal('/a');
  });

  it('forgets a new folder with all that is in it until its parent is synced', () => {
    now<void>((done) => files.makeFolder('/x/y', done));
    open('/x/y/a');
    syncFolder('/x/y');
    syncFolder('/x');
    crash('lost');
    expect(names('/')).to.deep.equal([]);
  });

  it('covers by a sync only writes that were over when it began', () => {
    const file = open('/a');
    syncFolder('/');
    file.write(0, Buffer.from('too late'), () => {});
    sync(file);
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('loses what a sync is still busy with', () => {
    const file = open('/a');
    syncFolder('/');
    write(file, 0, 'x');
    disk.faults.slow({ operation: 'sync', ms: 50 });
    let synced = false;
    file.sync(() => {
      synced = true;
    });
    time.pass(49);
    crash('lost');
    time.pass(50);
    expect(synced).to.equal(false);
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('keeps what was written durably through a power cut, once the write is over', () => {
    const file = open('/a', true);
    syncFolder('/');
    write(file, 0, 'synced');
    disk.faults.slow({ operation: 'sync', ms: 50 });
    file.write(0, Buffer.from('SYN'), () => {});
    time.pass(49);
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('synced');
  });

  it('fails a durable write whose sync fails, and never makes it durable', () => {
    const file = open('/a', true);
    syncFolder('/');
    disk.faults.fail({ operation: 'sync', code: 'EIO' });
    expect(write(file, 0, 'x')).to.equal('EIO');
    expect(sync(file)).to.equal(undefined);
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('makes slow calls wait for the time given', () => {
    const file = open('/a');
    disk.faults.slow({ operation: 'sync', path: 'a', ms: 50 });
    let at = -1;
    file.sync(() => {
      at = time.now();
    });
    time.pass(100);
    expect(at).to.equal(50);
  });

  it('fails the calls that were named, as often as ordered, and no others', () => {
    const file = open('/a');
    disk.faults.fail({ operation: 'write', path: 'a', code: 'EIO', skip: 1, times: 2 });
    expect(['1', '2', '3', '4'].map((text) => write(file, 0, text))).to.deep.equal([
      undefined,
      'EIO',
      'EIO',
      undefined,
    ]);
    expect(write(open('/b'), 0, 'x')).to.equal(undefined);
  });

  it('never makes durable what a failed sync was to cover', () => {
    const file = open('/a');
    syncFolder('/');
    write(file, 0, 'x');
    disk.faults.fail({ operation: 'sync', code: 'EIO' });
    expect(sync(file)).to.equal('EIO');
    expect(sync(file)).to.equal(undefined);
    crash('lost');
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('never brings what a failed sync was to cover back over what was written and synced later', () => {
    const file = open('/a');
    syncFolder('/');
    write(file, 0, 'old');
    disk.faults.fail({ operation: 'sync', code: 'EIO' });
    expect(sync(file)).to.equal('EIO');
    write(file, 0, 'new');
    expect(sync(file)).to.equal(undefined);
    crash('kept');
    expect(disk.contents('/a').toString()).to.equal('new');
  });

  it('makes durable by the next sync what a process that died was just writing', () => {
    const file = open('/a');
    syncFolder('/');
    file.write(0, Buffer.from('old'), () => {});
    disk.kill();
    files = disk.mount();
    const again = open('/a');
    write(again, 0, 'new');
    expect(sync(again)).to.equal(undefined);
    crash('kept');
    expect(disk.contents('/a').toString()).to.equal('new');
  });

  it('is full after the room that was left, and not for what is there already', () => {
    const file = open('/a');
    write(file, 0, 'there');
    disk.faults.leave(3);
    expect(write(file, 0, 'THERE')).to.equal(undefined);
    expect(write(file, 5, 'abcdef')).to.equal('ENOSPC');
    expect(disk.contents('/a').toString()).to.equal('THEREabc');
    now<void>((done) => files.remove('/a', done));
    expect(write(open('/b'), 0, 'abcdef')).to.equal(undefined);
  });

  it('flips the bit that it is told to', () => {
    write(open('/a'), 0, 'aaa');
    disk.flip('/a', 8);
    expect(disk.contents('/a').toString()).to.equal('a`a');
  });

  it('leads one write astray', () => {
    const file = open('/a');
    write(file, 0, '0123456789');
    disk.faults.misdirect('/a', 4);
    write(file, 0, 'xy');
    write(file, 0, 'z');
    expect(disk.contents('/a').toString()).to.equal('z123xy6789');
  });

  it('answers nothing that belongs to a dead process', () => {
    const file = open('/a');
    disk.kill();
    expect(write(file, 0, 'ghost')).to.equal('no answer');
    expect(disk.contents('/a').toString()).to.equal('');
  });

  it('notices when the buffer of a write is changed too early', () => {
    const data = Buffer.from('mine');
    open('/a').write(0, data, () => {});
    data[0] = 0;
    expect(() => time.settle()).to.throw(/buffer of a write to \/a was changed/);
  });

  it('notices when a file is closed during another call', () => {
    const file = open('/a');
    file.read(0, 1, () => {});
    expect(() => file.close(() => {})).to.throw(/\/a was closed during another call/);
  });

  it('counts the files that are open', () => {
    const file = open('/a');
    open('/b');
    expect(disk.openFiles).to.equal(2);
    now<void>((done) => file.close(done));
    expect(disk.openFiles).to.equal(1);
  });
});
