/** What a node finds in its log at start: the segments in order, checked to the last byte, and what they hold of each group. */
import type { Scheduler } from '../../protocol/env.js';
import type { Done, FileError, Files } from '../world.js';
import { StorageError } from './errors.js';
import { makeDurableFolder } from './folder.js';
import type { Inventory } from './inventory.js';
import type { LogRecord, RunHead, Start } from './record.js';
import { type BaseEntry, type Recovered, Replay } from './replay.js';
import { type Before, type Scan, scanSegment } from './scan.js';
import { HEADER_BYTES, openSegment, parseSegmentName, type Segment, segmentPath, writeZeros } from './segment.js';

/** The log as it was found, mended and durable. */
export interface Recovery<Head extends RunHead> {
  readonly recovered: Recovered<Head>;
  /** The segment to go on with; null when there is no log yet. */
  readonly current: Segment | null;
  /** Where in it the next batch belongs. */
  readonly position: number;
  /** Number of the next batch. */
  readonly next: number;
  /** The segment after it, made in advance. */
  readonly spare: Segment | null;
  readonly inventory: Inventory;
  /** Bases that the log does not continue: to be written before anything of their groups. */
  readonly starts: readonly Start[];
}

export interface RecoverOptions<Head extends RunHead> {
  readonly files: Files;
  readonly scheduler: Scheduler;
  readonly folder: string;
  /** Up to which entry a group's log is not needed, and the term of that entry. Groups without one need all of theirs. */
  readonly bases: ReadonlyMap<string, BaseEntry>;
  /** Reads the head of a run's bytes. May throw: the log is refused then. */
  readonly describe: (bytes: Buffer) => Head;
}

/** Reads the log in `folder`, which is made when it is missing. Fails with StorageError when it must not be used. */
export function recover<Head extends RunHead>(options: RecoverOptions<Head>, done: Done<Recovery<Head> | null>): void {
  new Reader(options, done).start();
}

/** A segment and what it came to. */
interface Found {
  readonly segment: Segment;
  readonly scan: Scan;
}

class Reader<Head extends RunHead> {
  private readonly options: RecoverOptions<Head>;
  private readonly done: Done<Recovery<Head> | null>;
  private readonly replay: Replay<Head>;
  /** The last segment with something in it, or the first one. */
  private current: Found | null = null;
  /** Segments behind it in which no batch stands yet; remains of one that was cut short may. */
  private empty: Found[] = [];
  /** Number of the next batch; null before the first one of a log whose beginning was given back. */
  private next: number | null = 1;

  constructor(options: RecoverOptions<Head>, done: Done<Recovery<Head> | null>) {
    this.options = options;
    this.done = done;
    this.replay = new Replay(options.bases, options.describe);
  }

  start(): void {
    const { files, folder } = this.options;
    const list = this.step(() => files.list(folder, tidy));
    const tidy = this.step((names: string[]) => {
      const found = names.map(parseSegmentName).filter((name) => name !== null);
      const left = found.filter(({ finished }) => !finished).map(({ id }) => segmentPath(folder, id, 'tmp'));
      const ids = found.filter(({ finished }) => finished).map(({ id }) => id);
      this.removeAll(left, () => this.readAll(ids.sort((a, b) => a - b)));
    });
    makeDurableFolder(files, folder, list);
  }

  /** Segments that were being made when the node stopped. */
  private removeAll(paths: readonly string[], next: () => void): void {
    const [path, ...others] = paths;
    if (path === undefined) next();
    else
      this.options.files.remove(
        path,
        this.step(() => this.removeAll(others, next)),
      );
  }

  /** Segments are given back from the front, one after the other: what is left is a row without holes. */
  private readAll(ids: readonly number[], at = 0): void {
    const id = ids[at];
    if (id === undefined) {
      this.judge();
      return;
    }
    const { files, folder } = this.options;
    const due = (ids[0] ?? 0) + at;
    if (id !== due) {
      this.fail(new StorageError('ROT', segmentPath(folder, due), 0, 'the segment is missing'));
      return;
    }
    if (at === 0) this.next = id === 1 ? 1 : null;
    openSegment(files, folder, id, (error, segment) => {
      if (error || segment === null) return this.fail(error);
      const visit = (records: LogRecord[]) => {
        this.begin(segment);
        return this.replay.take(segment, records);
      };
      scanSegment(segment, this.before(), visit, (scanError, scan) => {
        if (scanError) return segment.file.close(() => this.fail(scanError));
        this.next = scan.next;
        this.place(segment, scan, () => this.readAll(ids, at + 1));
      });
    });
  }

  /** A segment counts from its first batch on; the first one does without. */
  private begin(segment: Segment): void {
    this.replay.begin(segment.id, this.current?.scan.end ?? 0);
  }

  private before(): Before {
    const { current, next } = this;
    return { next, end: current === null ? null : { path: current.segment.path, offset: current.scan.end } };
  }

  /** Puts a segment that was read in its place among the others. */
  private place(segment: Segment, scan: Scan, next: () => void): void {
    const { current } = this;
    const refuse = (path: string, offset: number, what: string) =>
      segment.file.close(() => this.fail(new StorageError('ROT', path, offset, what)));
    const untouched = scan.batches === 0 && scan.torn_to === scan.end;
    if (!untouched && current !== null && current.scan.torn_to > current.scan.end) {
      // The next segment is used only once this one is complete and durable.
      refuse(current.segment.path, current.scan.end, 'a batch is damaged');
      return;
    }
    if (current === null && scan.batches === 0 && segment.id > 1) {
      // Those before it went only after its first batch was durable.
      refuse(segment.path, HEADER_BYTES, 'all batches of the segment are missing');
      return;
    }
    if (current !== null && scan.batches === 0) {
      this.empty.push({ segment, scan });
      next();
      return;
    }
    const before = this.open();
    this.begin(segment);
    this.current = { segment, scan };
    this.empty = [];
    closeAll(before, next);
  }

  /** All segments have been read. */
  private judge(): void {
    const { current } = this;
    const { recovered, inventory, starts } = this.replay;
    const next = this.next ?? 1;
    const [empty, another] = this.empty;
    const spare = empty?.segment ?? null;
    const finish = () => {
      const segment = current?.segment ?? null;
      const position = current?.scan.end ?? 0;
      this.done(null, { recovered, current: segment, position, next, spare, inventory, starts });
    };
    const refused = this.replay.join(this.options.folder);
    if (refused !== null) this.fail(refused);
    else if (spare !== null && another !== undefined)
      this.fail(new StorageError('ROT', spare.path, HEADER_BYTES, 'all batches of the segment are missing'));
    else if (current === null) finish();
    // An empty segment that was begun is as good as new: behind one without a batch there must not be another.
    else if (empty !== undefined) this.clear(empty, () => this.mend(current, finish));
    else this.mend(current, finish);
  }

  /**
   * Clears what a batch cut short may have left behind the last whole one. Where zeros are read too: if an earlier start has cleared it
   * and the sync failed, the system shows zeros that it never writes, and the remains come back with the next power cut.
   */
  private clear({ segment, scan }: Found, done: () => void): void {
    writeZeros(segment.file, scan.end, segment.size, this.options, this.step(done));
  }

  /**
   * Clears what a batch cut short may have left, and makes the last whole batch durable: the node may have died before its sync was over,
   * and after a sync that failed the system holds bytes that it never writes. So they are written again.
   */
  private mend(found: Found, done: () => void): void {
    const { segment, scan } = found;
    const { file } = segment;
    const { files, folder } = this.options;
    const syncFolder = this.step(() => files.syncFolder(folder, this.step(done)));
    const rewrite = this.step((bytes: Buffer) => file.write(scan.last, bytes, syncFolder));
    this.clear(found, () => file.read(scan.last, scan.end - scan.last, rewrite));
  }

  /** The segments that are open. */
  private open(): Segment[] {
    return [...(this.current === null ? [] : [this.current]), ...this.empty].map(({ segment }) => segment);
  }

  /** A callback that goes on with `next` unless there is an error, which ends it all. */
  private step<T>(next: (value: T) => void): Done<T> {
    return (error, value) => (error ? this.fail(error) : next(value));
  }

  private fail(error: FileError | null): void {
    closeAll(this.open(), () => this.done(error ?? new Error('no segment'), null));
  }
}

function closeAll(segments: readonly Segment[], done: () => void): void {
  const [segment, ...others] = segments;
  if (segment === undefined) done();
  else segment.file.close(() => closeAll(others, done));
}
