/**
 * A simulated disk: Files with a page cache, names that last only once their folder is synced, power cuts and faults on order.
 * Deterministic: the same calls and the same random numbers give the same contents. Callbacks come through the scheduler.
 */

import type { Done, File, Files, OpenOptions } from '../../node/world.js';
import type { Random, Scheduler } from '../../protocol/env.js';
import { type Call, Failed, Faults, type Operation } from './faults.js';
import { Folder, type Named } from './folder.js';
import { type Fate, Inode } from './inode.js';

/** Brings a process what its call came to: now, later, or not at all. */
type Deliver = (task: () => void) => void;

/** A process that uses the disk. */
interface Owner {
  readonly life: number;
  readonly deliver: Deliver;
}

export class SimulatedDisk {
  readonly faults = new Faults();
  private readonly scheduler: Scheduler;
  private readonly root = new Folder();
  /** Counts processes: what an earlier one was handed is dead. */
  private life = 0;
  private handles = 0;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** The files as a new process sees them, until `crash` or `kill`. `deliver` brings it what its calls came to. */
  mount(deliver: Deliver = (task) => task()): Files {
    return new MountedFiles(this, { life: this.life, deliver });
  }

  /** Files that the living process has open. */
  get openFiles(): number {
    return this.handles;
  }

  /** The process dies: its calls have no more effect and are not answered. The page cache lives on. */
  kill(): void {
    this.life++;
    this.handles = 0;
    for (const inode of inodesIn(this.root)) inode.abandon();
  }

  /** The power goes. Un-synced writes are lost, kept or torn as `random` has it, or all meet the `fate` given. */
  crash(options: { random: Random; fate?: Fate }): void {
    this.kill();
    const { random, fate } = options;
    const draw = (): Fate => {
      const met = fate ?? (['lost', 'kept', 'torn'] as const)[random.uint32() % 3] ?? 'lost';
      if (met !== 'kept') this.faults.count(`un-synced write ${met}`);
      return met;
    };
    const met = new Set<Named>();
    const visit = (named: Named): void => {
      if (met.has(named)) return;
      met.add(named);
      if (named instanceof Inode) {
        named.crash(random, draw);
      } else {
        named.crash(random, fate);
        for (const inner of named.names.values()) visit(inner);
      }
    };
    visit(this.root);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const paths: string[] = [];
    const visit = (folder: Folder, path: string): void => {
      for (const [name, named] of folder.names)
        if (named instanceof Folder) visit(named, `${path}/${name}`);
        else paths.push(`${path}/${name}`);
    };
    visit(this.root, '');
    return paths.sort();
  }

  /** Flips one bit of a file, counted from its start. */
  flip(path: string, bit: number): void {
    this.inode(path).flip(bit);
  }

  /** A file, or a folder with all that is in it, is gone at once and for good; without effect when there is none. */
  lose(path: string): void {
    const { folder, name, found } = this.lookup(path);
    for (const inode of found instanceof Folder ? inodesIn(found) : [found]) this.released(inode);
    folder.lose(name);
  }

  /** The bytes of a file as a reader sees them. */
  contents(path: string): Buffer {
    const inode = this.inode(path);
    return inode.read(0, inode.length);
  }

  // What follows is for the files handed out.

  /** Makes a call for a process: `work` now, what it returns later, when the call is over. */
  perform<T>(owner: Owner, call: Call, done: Done<T>, work: () => () => T, spoil: () => void = () => {}): void {
    const { life, deliver } = owner;
    if (life !== this.life) return;
    let settle: () => void;
    try {
      const failure = this.faults.failureOf(call);
      if (failure !== null) {
        spoil();
        throw failure;
      }
      const finish = work();
      settle = () => done(null, finish());
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      settle = () => done(error, undefined as T);
    }
    const whileAlive = () => {
      if (life === this.life) deliver(settle);
    };
    const ms = this.faults.delayOf(call);
    if (ms === 0) this.scheduler.defer(whileAlive);
    else this.scheduler.after(ms, whileAlive);
    const surprise = this.faults.surprise(call);
    if (surprise !== null) this.scheduler.after(0, surprise);
  }

  opened(by: 1 | -1): void {
    this.handles += by;
  }

  /** @throws Failed ENOENT, ENOTDIR */
  folder(path: string): Folder {
    let folder = this.root;
    for (const name of parts(path)) {
      const next = folder.names.get(name);
      if (next === undefined) throw new Failed('ENOENT', path);
      if (next instanceof Inode) throw new Failed('ENOTDIR', path);
      folder = next;
    }
    return folder;
  }

  /** What stands at `path`, and where. @throws Failed ENOENT, ENOTDIR when its folder is none */
  lookup(path: string): { folder: Folder; name: string; found: Named | undefined } {
    const cut = path.lastIndexOf('/');
    const folder = this.folder(path.slice(0, cut));
    const name = path.slice(cut + 1);
    return { folder, name, found: folder.names.get(name) };
  }

  /** @throws Failed ENOENT, EISDIR */
  inode(path: string): Inode {
    const { found } = this.lookup(path);
    if (found === undefined) throw new Failed('ENOENT', path);
    if (found instanceof Folder) throw new Failed('EISDIR', path);
    return found;
  }

  /** The bytes of a file that loses its last name are free again. */
  released(gone: Named | undefined): void {
    if (gone instanceof Inode) this.faults.free_bytes += gone.length;
  }
}

class MountedFiles implements Files {
  private readonly disk: SimulatedDisk;
  private readonly owner: Owner;

  constructor(disk: SimulatedDisk, owner: Owner) {
    this.disk = disk;
    this.owner = owner;
  }

  makeFolder(path: string, done: Done): void {
    this.perform('makeFolder', path, done, () => {
      let folder = this.disk.folder('/');
      for (const name of parts(path)) {
        const found = folder.names.get(name);
        if (found instanceof Inode) throw new Failed('EEXIST', path);
        const next = found ?? new Folder();
        if (found === undefined) folder.change([name, next]);
        folder = next;
      }
      return nothing;
    });
  }

  list(path: string, done: Done<string[]>): void {
    this.perform('list', path, done, () => {
      const names = [...this.disk.folder(path).names.keys()].sort();
      return () => names;
    });
  }

  open(path: string, options: OpenOptions, done: Done<File>): void {
    this.perform('open', path, done, () => {
      const { folder, name, found } = this.disk.lookup(path);
      if (found !== undefined && options.exclusive) throw new Failed('EEXIST', path);
      if (found === undefined && !options.create && !options.exclusive) throw new Failed('ENOENT', path);
      if (found instanceof Folder) throw new Failed('EISDIR', path);
      const inode = found ?? new Inode();
      inode.path = path;
      if (found === undefined) folder.change([name, inode]);
      this.disk.opened(1);
      return () => new OpenFile(this.disk, this.owner, inode, options.durable === true);
    });
  }

  rename(from: string, to: string, done: Done): void {
    this.perform('rename', from, done, () => {
      const source = this.disk.lookup(from);
      const target = this.disk.lookup(to);
      if (source.found === undefined) throw new Failed('ENOENT', from);
      if (target.found === source.found) return nothing;
      this.disk.released(target.found);
      if (source.found instanceof Inode) source.found.path = to;
      if (source.folder === target.folder) {
        source.folder.change([source.name, null], [target.name, source.found]);
      } else {
        target.folder.change([target.name, source.found]);
        source.folder.change([source.name, null]);
      }
      return nothing;
    });
  }

  remove(path: string, done: Done): void {
    this.perform('remove', path, done, () => {
      this.disk.released(this.disk.inode(path));
      const { folder, name } = this.disk.lookup(path);
      folder.change([name, null]);
      return nothing;
    });
  }

  syncFolder(path: string, done: Done): void {
    this.perform('syncFolder', path, done, () => {
      const folder = this.disk.folder(path);
      const covered = folder.toSync();
      return () => folder.synced(covered);
    });
  }

  private perform<T>(operation: Operation, path: string, done: Done<T>, work: () => () => T): void {
    this.disk.perform(this.owner, { operation, path }, done, work);
  }
}

class OpenFile implements File {
  private readonly disk: SimulatedDisk;
  private readonly owner: Owner;
  private readonly inode: Inode;
  private readonly durable: boolean;
  private open = true;
  private under_way = 0;

  constructor(disk: SimulatedDisk, owner: Owner, inode: Inode, durable: boolean) {
    this.disk = disk;
    this.owner = owner;
    this.inode = inode;
    this.durable = durable;
  }

  size(done: Done<number>): void {
    this.perform('size', done, () => {
      const { length } = this.inode;
      return () => length;
    });
  }

  read(offset: number, length: number, done: Done<Buffer>): void {
    this.perform('read', done, () => {
      const bytes = this.inode.read(offset, length);
      return () => bytes;
    });
  }

  /** A durable one is a write and then a sync, either of which can fail, be slow or be cut off: no system does better. */
  write(offset: number, data: Buffer, done: Done): void {
    const written: Done = (error) => (error ? done(error) : this.sync(done));
    this.perform('write', this.durable ? written : done, () => {
      const { faults } = this.disk;
      const growth = Math.max(0, offset + data.length - this.inode.length);
      const missing = growth - faults.grow(growth);
      const write = this.inode.write(
        Math.max(0, offset + faults.straysBy(this.inode.path, data)),
        data.subarray(0, data.length - Math.min(missing, data.length)),
      );
      if (missing > 0) {
        faults.count('ENOSPC on write');
        throw new Failed('ENOSPC', this.inode.path);
      }
      return () => {
        if (!write.data.equals(data))
          throw new Error(`the buffer of a write to ${this.inode.path} was changed before the write was over`);
        write.finished = true;
      };
    });
  }

  sync(done: Done): void {
    const work = () => {
      const covered = this.inode.toSync();
      return () => {
        this.inode.synced(covered);
        this.disk.faults.syncsSinceStray++;
      };
    };
    this.perform('sync', done, work, () => this.inode.spoil());
  }

  close(done: Done): void {
    // The system may have given its number to another file by the time the other call looks at it.
    if (this.under_way > 0) throw new Error(`${this.inode.path} was closed during another call`);
    this.perform('close', done, () => {
      this.open = false;
      this.disk.opened(-1);
      return nothing;
    });
  }

  private perform<T>(operation: Operation, done: Done<T>, work: () => () => T, spoil?: () => void): void {
    const { path } = this.inode;
    const whileOpen = () => {
      if (!this.open) throw new Failed('EBADF', path);
      return work();
    };
    const over: Done<T> = (error, value) => {
      this.under_way--;
      done(error, value);
    };
    this.under_way++;
    this.disk.perform(this.owner, { operation, path }, over, whileOpen, spoil);
  }
}

function nothing(): void {}

function* inodesIn(folder: Folder): Generator<Inode> {
  for (const named of folder.names.values())
    if (named instanceof Folder) yield* inodesIn(named);
    else yield named;
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}
