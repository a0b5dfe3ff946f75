/** What a node finds in its log at start: the segments in order, checked to the last byte, and what they hold of each group. */
import type { Scheduler } from '../../protocol/env.js';
import type { Done, FileError, Files } from '../world.js';
import { StorageError } from './errors.js';
import { makeDurableFolder } from './folder.js';
import { decodeState, type LogRecord, type Place, RECORD } from './record.js';
import { type Before, type Scan, scanSegment } from './scan.js';
import { HEADER_BYTES, openSegment, parseSegmentName, type Segment, segmentPath, writeZeros } from './segment.js';

/** What the log has to know of a run's bytes. More may be told: it is handed back. Must not keep the bytes. */
export interface RunHead {
  readonly group: string;
  /** Index of the first entry. */
  readonly first: number;
  /** Entries, at least one. */
  readonly count: number;
  readonly term: number;
}

/** A run that is in force. If a later one cut it, `count` is smaller than what stands at `place`. */
export type RecoveredRun<Head extends RunHead> = Head & { readonly place: Place };

/** What the log holds of a group. Without a hard state in it: term 0 and no vote. */
export interface RecoveredGroup<Head extends RunHead> {
  term: number;
  vote: string;
  /** In the order of their indexes, without gaps. */
  runs: RecoveredRun<Head>[];
}

/** By group. */
export type Recovered<Head extends RunHead> = Map<string, RecoveredGroup<Head>>;

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
  /** Bytes in use in the segments before `current`. */
  readonly sealed_bytes: number;
}

export interface RecoverOptions<Head extends RunHead> {
  readonly files: Files;
  readonly scheduler: Scheduler;
  readonly folder: string;
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
  private readonly recovered: Recovered<Head> = new Map();
  /** The last segment with something in it, or the first one. */
  private current: Found | null = null;
  /** Segments behind it in which no batch stands yet; remains of one that was cut short may. */
  private empty: Found[] = [];
  private next = 1;
  private sealed_bytes = 0;

  constructor(options: RecoverOptions<Head>, done: Done<Recovery<Head> | null>) {
    this.options = options;
    this.done = done;
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

  /** Nothing is given back from the front of the log so far, so it starts with segment 1 and has no holes. */
  private readAll(ids: readonly number[], at = 0): void {
    const id = ids[at];
    if (id === undefined) {
      this.judge();
      return;
    }
    const { files, folder } = this.options;
    if (id !== at + 1) {
      this.fail(new StorageError('ROT', segmentPath(folder, at + 1), 0, 'the segment is missing'));
      return;
    }
    openSegment(files, folder, id, (error, segment) => {
      if (error || segment === null) return this.fail(error);
      const visit = (records: LogRecord[]) => this.take(segment, records);
      scanSegment(segment, this.before(), visit, (scanError, scan) => {
        if (scanError) return segment.file.close(() => this.fail(scanError));
        this.next += scan.batches;
        this.place(segment, scan, () => this.readAll(ids, at + 1));
      });
    });
  }

  private before(): Before {
    const { current, next } = this;
    return { next, end: current === null ? null : { path: current.segment.path, offset: current.scan.end } };
  }

  /** Puts a segment that was read in its place among the others. */
  private place(segment: Segment, scan: Scan, next: () => void): void {
    const { current } = this;
    const untouched = scan.batches === 0 && scan.torn_to === scan.end;
    if (!untouched && current !== null && current.scan.torn_to > current.scan.end) {
      // The next segment is used only once this one is complete and durable.
      const { path } = current.segment;
      segment.file.close(() => this.fail(new StorageError('ROT', path, current.scan.end, 'a batch is damaged')));
      return;
    }
    if (current !== null && scan.batches === 0) {
      this.empty.push({ segment, scan });
      next();
      return;
    }
    const before = this.open();
    this.sealed_bytes += current?.scan.end ?? 0;
    this.current = { segment, scan };
    this.empty = [];
    closeAll(before, next);
  }

  /** Takes a batch into account. */
  private take(segment: Segment, records: readonly LogRecord[]): StorageError | null {
    for (const record of records) {
      const refuse = (code: 'ROT' | 'FORMAT', what: string) =>
        new StorageError(code, segment.path, record.place.offset, what);
      const group = this.groupOf(record.group);
      if (record.kind === RECORD.state) {
        const { term, vote } = decodeState(record);
        group.term = term;
        group.vote = vote;
      } else if (record.kind === RECORD.run) {
        let head: Head;
        try {
          head = this.options.describe(record.body);
        } catch (error) {
          return refuse('FORMAT', `a run cannot be read: ${(error as Error).message}`);
        }
        if (head.group !== record.group)
          return refuse('ROT', `a run of ${head.group} stands as one of ${record.group}`);
        if (!follow(group.runs, { ...head, place: record.place }))
          return refuse('ROT', `entries of ${head.group} before ${head.first} are missing`);
      } else {
        return refuse('FORMAT', `records of kind ${record.kind} are unknown`);
      }
    }
    return null;
  }

  private groupOf(name: string): RecoveredGroup<Head> {
    let group = this.recovered.get(name);
    if (group === undefined) {
      group = { term: 0, vote: '', runs: [] };
      this.recovered.set(name, group);
    }
    return group;
  }

  /** All segments have been read. */
  private judge(): void {
    const { recovered, current, next, sealed_bytes } = this;
    const [empty, another] = this.empty;
    const spare = empty?.segment ?? null;
    const finish = () => {
      const segment = current?.segment ?? null;
      const position = current?.scan.end ?? 0;
      this.done(null, { recovered, current: segment, position, next, spare, sealed_bytes });
    };
    if (spare !== null && another !== undefined)
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

/** Appends a run to those of its group, cutting what it replaces; false when entries are missing before it. */
function follow<Head extends RunHead>(runs: RecoveredRun<Head>[], run: RecoveredRun<Head>): boolean {
  for (let last = runs.at(-1); last !== undefined && last.first >= run.first; last = runs.at(-1)) runs.pop();
  const last = runs.at(-1);
  if (last !== undefined) {
    const kept = run.first - last.first;
    if (kept > last.count) return false;
    if (kept < last.count) runs[runs.length - 1] = { ...last, count: kept };
  }
  runs.push(run);
  return true;
}

function closeAll(segments: readonly Segment[], done: () => void): void {
  const [segment, ...others] = segments;
  if (segment === undefined) done();
  else segment.file.close(() => closeAll(others, done));
}
