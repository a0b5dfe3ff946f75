/** What the records of a log, told in order, come to: the hard state of each group and the runs behind its base. */
import { StorageError } from './errors.js';
import { Inventory } from './inventory.js';
import {
  decodeMark,
  decodeStart,
  decodeState,
  type LogRecord,
  type Place,
  RECORD,
  type RunHead,
  type Start,
} from './record.js';
import { HEADER_BYTES, type Segment, segmentPath } from './segment.js';

/** A run that is in force. If a later one cut it, `count` is smaller than at `place`; if the base reaches into it, `first` is greater. */
export type RecoveredRun<Head extends RunHead> = Head & { readonly place: Place };

/** What the log holds of a group. Without a hard state in it: term 0 and no vote. */
export interface RecoveredGroup<Head extends RunHead> {
  term: number;
  vote: string;
  /** Behind the base, in the order of their indexes, without gaps. */
  runs: RecoveredRun<Head>[];
}

/** By group. */
export type Recovered<Head extends RunHead> = Map<string, RecoveredGroup<Head>>;

/** An entry whose effects, and those of all before it, are durable elsewhere. */
export interface BaseEntry {
  readonly index: number;
  readonly term: number;
}

const NO_BASE: BaseEntry = { index: 0, term: 0 };

/** Told first which segment the records stand in, then the records of one batch after the other, then to join them to the bases. */
export class Replay<Head extends RunHead> {
  readonly recovered: Recovered<Head> = new Map();
  readonly inventory = new Inventory();
  /** Bases that the log does not continue. */
  readonly starts: Start[] = [];
  private readonly bases: ReadonlyMap<string, BaseEntry>;
  private readonly describe: (bytes: Buffer) => Head;

  constructor(bases: ReadonlyMap<string, BaseEntry>, describe: (bytes: Buffer) => Head) {
    this.bases = bases;
    this.describe = describe;
  }

  /** What is taken from now on stands in `segment`; the one before it has so many bytes in use. */
  begin(segment: number, bytes_before: number): void {
    if (this.inventory.newest !== segment) this.inventory.begin(segment, bytes_before);
  }

  /** Takes a batch into account. */
  take(segment: Segment, records: readonly LogRecord[]): StorageError | null {
    for (const record of records) {
      const refused = this.takeRecord(segment, record);
      if (refused !== null) return refused;
    }
    return null;
  }

  /** Leaves of each group what continues its base: nothing, if the log contradicts the base or ends before it. */
  join(folder: string): StorageError | null {
    const path = segmentPath(folder, this.inventory.oldest);
    for (const group of new Set([...this.recovered.keys(), ...this.bases.keys()])) {
      const base = this.baseOf(group);
      const extent = this.inventory.extent(group);
      const { index, term } = base;
      if (extent.floor > index) {
        const missing = `entries of ${group} from ${index + 1} to ${extent.floor} are missing`;
        return new StorageError('ROT', path, HEADER_BYTES, missing);
      }
      const found = this.groupOf(group);
      // Where the log does not know the term, it has given the entry back: so that was committed, as what the base covers is.
      if (extent.last >= index && (extent.termAt(index) ?? term) === term) cutUpTo(found.runs, index);
      else {
        found.runs = [];
        this.starts.push({ group, index, term });
      }
    }
    return null;
  }

  private takeRecord(segment: Segment, record: LogRecord): StorageError | null {
    const refuse = (code: 'ROT' | 'FORMAT', what: string) =>
      new StorageError(code, segment.path, record.place.offset, what);
    const group = this.groupOf(record.group);
    const extent = this.inventory.extent(record.group);
    switch (record.kind) {
      case RECORD.state: {
        const { term, vote } = decodeState(record);
        group.term = term;
        group.vote = vote;
        return null;
      }
      case RECORD.mark: {
        const { index } = decodeMark(record);
        if (segment.id === this.inventory.oldest) extent.begin(index);
        else if (extent.last !== index)
          return refuse('ROT', `the log of ${record.group} ends at ${extent.last}, not ${index}`);
        return null;
      }
      case RECORD.start: {
        const start = decodeStart(record);
        this.inventory.start(start);
        if (!start.keeps) group.runs = [];
        return null;
      }
      case RECORD.run:
        return this.takeRun(group, record, refuse);
      default:
        return refuse('FORMAT', `records of kind ${record.kind} are unknown`);
    }
  }

  private takeRun(
    { runs }: RecoveredGroup<Head>,
    record: LogRecord,
    refuse: (code: 'ROT' | 'FORMAT', what: string) => StorageError,
  ): StorageError | null {
    let head: Head;
    try {
      head = this.describe(record.body);
    } catch (error) {
      return refuse('FORMAT', `a run cannot be read: ${(error as Error).message}`);
    }
    const { group, first, count } = head;
    if (group !== record.group) return refuse('ROT', `a run of ${group} stands as one of ${record.group}`);
    const base = this.baseOf(group);
    if (first > Math.max(this.inventory.extent(group).last, base.index) + 1)
      return refuse('ROT', `entries of ${group} before ${first} are missing`);
    this.inventory.run(head);
    cutFrom(runs, first);
    // What the base covers is not kept in memory: a log has many more runs than that.
    if (first + count - 1 > base.index) runs.push({ ...head, place: record.place });
    return null;
  }

  private baseOf(group: string): BaseEntry {
    return this.bases.get(group) ?? NO_BASE;
  }

  private groupOf(name: string): RecoveredGroup<Head> {
    let group = this.recovered.get(name);
    if (group === undefined) {
      group = { term: 0, vote: '', runs: [] };
      this.recovered.set(name, group);
    }
    return group;
  }
}

/** Removes the entries from index `from` on. */
function cutFrom<Head extends RunHead>(runs: RecoveredRun<Head>[], from: number): void {
  for (let last = runs.at(-1); last !== undefined && last.first >= from; last = runs.at(-1)) runs.pop();
  const last = runs.at(-1);
  if (last !== undefined && last.first + last.count > from)
    runs[runs.length - 1] = { ...last, count: from - last.first };
}

/** Removes the entries up to index `to`. */
function cutUpTo<Head extends RunHead>(runs: RecoveredRun<Head>[], to: number): void {
  const kept = runs.findIndex(({ first, count }) => first + count - 1 > to);
  runs.splice(0, kept < 0 ? runs.length : kept);
  const [run] = runs;
  if (run !== undefined && run.first <= to) runs[0] = { ...run, first: to + 1, count: run.first + run.count - 1 - to };
}
