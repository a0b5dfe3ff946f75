/** Files that hold everything back until a sync: they keep all promises of files, and a process that is killed leaves what was synced. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { HELD_BYTES_MAX } from '../../node/faults/held-file.js';
import { holdWrites } from '../../node/faults/held-files.js';
import type { File, Files } from '../../node/world.js';
import { call, codeOf, filesCompliance } from './files-compliance.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'concord-held-'));
  folders.push(folder);
  mkdirSync(join(folder, 'data'));
  return folder;
}

filesCompliance('held back', () => {
  const folder = newFolder();
  return { files: holdWrites(join(folder, 'aside')), folder: join(folder, 'data') };
});

describe('files held back', () => {
  let home: string;
  let files: Files;
  const at = (path: string) => join(home, 'data', path);
  const open = (path: string, options = {}) => call<File>((done) => files.open(at(path), options, done));
  const write = (file: File, offset: number, text: string) =>
    call<void>((done) => file.write(offset, Buffer.from(text), done));
  const sync = (file: File) => call<void>((done) => file.sync(done));
  const read = async (file: File) => (await call<Buffer>((done) => file.read(0, 1000, done))).toString();
  const syncFolder = (path = '') => call<void>((done) => files.syncFolder(join(home, 'data', path), done));
  const rename = (from: string, to: string) => call<void>((done) => files.rename(at(from), at(to), done));
  const remove = (path: string) => call<void>((done) => files.remove(at(path), done));
  const close = (file: File) => call<void>((done) => file.close(done));
  const make = (path: string) => call<void>((done) => files.makeFolder(at(path), done));
  /** What the next process will find. */
  const onDisk = (path: string) => readFileSync(at(path), 'utf8');
  const names = (path = '') => readdirSync(at(path)).sort();

  beforeEach(() => {
    home = newFolder();
    writeFileSync(at('old'), 'was here');
    files = holdWrites(join(home, 'aside'));
  });

  it('are written when they are synced, whoever reads sees them before', async () => {
    const file = await open('old');
    const other = await open('old');
    await write(file, 4, 'HE');
    await write(other, 5, 'ello');
    expect([await read(file), await read(other)]).to.deep.equal(['was Hello', 'was Hello']);
    expect(await call<number>((done) => other.size(done))).to.equal(9);
    expect(onDisk('old')).to.equal('was here');
    await sync(other);
    expect(onDisk('old')).to.equal('was Hello');
    expect(await read(file)).to.equal('was Hello');
  });

  it('are written at once to a file opened to be written durably', async () => {
    const file = await open('old', { durable: true });
    const other = await open('old');
    await write(other, 0, 'WAS');
    expect(onDisk('old')).to.equal('was here');
    await write(file, 4, 'HERE');
    expect(onDisk('old')).to.equal('WAS HERE');
  });

  it('stay held when they are closed, and are synced by whoever opens them again', async () => {
    const file = await open('old');
    await write(file, 0, 'WAS');
    await close(file);
    const again = await open('old');
    expect([await read(again), onDisk('old')]).to.deep.equal(['WAS here', 'was here']);
    await sync(again);
    expect(onDisk('old')).to.equal('WAS here');
  });

  it('read whole while a sync is under way, and what comes meanwhile waits for the next', async () => {
    const file = await open('old');
    for (let i = 0; i < 50; i++) {
      await write(file, 0, 'A'.repeat(1000));
      const synced = sync(file);
      const wrote = write(file, 500, 'B'.repeat(500));
      const [, , text] = await Promise.all([synced, wrote, call<Buffer>((done) => file.read(0, 1000, done))]);
      expect(text.toString()).to.match(/^A{500}(?:A{500}|B{500})$/);
      expect(onDisk('old').slice(0, 1000)).to.equal('A'.repeat(1000));
      await sync(file);
      expect(onDisk('old').slice(500, 1000)).to.equal('B'.repeat(500));
    }
  });

  it('have names when their folder is synced, and only what was synced in them', async () => {
    const file = await open('new', { exclusive: true });
    await write(file, 0, 'durable');
    await sync(file);
    await write(file, 0, 'changed');
    expect(names()).to.deep.equal(['old']);
    await syncFolder();
    expect([names(), onDisk('new'), await read(file)]).to.deep.equal([['new', 'old'], 'durable', 'changed']);
    await sync(file);
    expect(onDisk('new')).to.equal('changed');
  });

  it('take another name, and go, when their folder is synced', async () => {
    const file = await open('new', { exclusive: true });
    await write(file, 0, 'new');
    await sync(file);
    await rename('new', 'old');
    expect(await codeOf(open('new'))).to.equal('ENOENT');
    expect(await read(await open('old'))).to.equal('new');
    expect(onDisk('old')).to.equal('was here');
    await syncFolder();
    expect([names(), onDisk('old')]).to.deep.equal([['old'], 'new']);
    await remove('old');
    expect(await call<string[]>((done) => files.list(at(''), done))).to.deep.equal([]);
    expect(onDisk('old')).to.equal('new');
    await syncFolder();
    expect(names()).to.deep.equal([]);
  });

  it('change names in the order in which it was asked for', async () => {
    await rename('old', 'older');
    const fresh = await open('old', { exclusive: true });
    await write(fresh, 0, 'fresh');
    await sync(fresh);
    await rename('older', 'oldest');
    await syncFolder();
    expect([names(), onDisk('old'), onDisk('oldest')]).to.deep.equal([['old', 'oldest'], 'fresh', 'was here']);
  });

  it('move into another folder when that is synced', async () => {
    await make('b');
    await syncFolder();
    const file = await open('new', { exclusive: true });
    await rename('new', 'b/new');
    await syncFolder('b');
    expect([names(), names('b')]).to.deep.equal([['b', 'old'], ['new']]);
    await syncFolder();
    expect([names(), names('b')]).to.deep.equal([['b', 'old'], ['new']]);
    await write(file, 0, 'moved');
    await sync(file);
    expect(onDisk('b/new')).to.equal('moved');
  });

  it('are in a folder that takes another name when the one above is synced', async () => {
    await make('a');
    const file = await open('a/b', { exclusive: true });
    await write(file, 0, 'deep');
    await sync(file);
    await syncFolder('a');
    await syncFolder();
    await rename('a', 'aside');
    await make('a');
    expect([names(), await codeOf(rename('aside', 'a'))]).to.deep.equal([['a', 'old'], 'EEXIST']);
    await syncFolder();
    expect([names(), onDisk('aside/b'), names('a')]).to.deep.equal([['a', 'aside', 'old'], 'deep', []]);
  });

  it('stand in folders that are there when what is above was synced', async () => {
    await make('a/b');
    const file = await open('a/b/c', { create: true });
    await write(file, 0, 'deep');
    await sync(file);
    await syncFolder('a/b');
    await syncFolder('a');
    expect(names()).to.deep.equal(['old']);
    await syncFolder();
    expect([names(), onDisk('a/b/c')]).to.deep.equal([['a', 'old'], 'deep']);
    expect(await read(await open('a/b/c'))).to.equal('deep');
  });

  it('leave nothing aside for the next process', async () => {
    await open('new', { exclusive: true });
    expect(readdirSync(join(home, 'aside'))).to.have.length(1);
    files = holdWrites(join(home, 'aside'));
    expect(readdirSync(join(home, 'aside'))).to.deep.equal([]);
    expect(await call<string[]>((done) => files.list(at(''), done))).to.deep.equal(['old']);
  });

  it('hold a bounded number of bytes', async () => {
    const file = await open('old');
    const piece = Buffer.alloc(64 << 20);
    for (let held = 0; held + piece.length <= HELD_BYTES_MAX; held += piece.length)
      await call<void>((done) => file.write(0, piece, done));
    expect(await codeOf(write(file, 0, 'x'))).to.equal('ENOBUFS');
    await sync(file);
    expect(await codeOf(write(file, 0, 'x'))).to.equal('none');
  });

  it('are lost with a process that is killed, but for what was synced', async function () {
    this.timeout(20_000);
    const program = fileURLToPath(new URL('./held-writer.js', import.meta.url));
    const child = spawn(process.execPath, [program, home], { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
    expect(said).to.equal('written\n');
    const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
    child.kill('SIGKILL');
    expect(await ended).to.equal('SIGKILL');
    expect(names()).to.deep.equal(['named', 'old']);
    expect([onDisk('named'), onDisk('old')]).to.deep.equal(['synced', 'was here']);
  });
});
