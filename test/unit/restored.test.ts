/**
 * A machine that is put together from rows goes on as the one did that they were told of: at any moment, from a cut that was told in
 * slices while entries went on being applied, over all services.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Cut } from '../../node/services/cut.js';
import { commandEntry, fencesEntry, firstCommandEntry, sweepEntry, tickEntry } from '../../node/services/entry.js';
import {
  type Applied,
  coordinationMachine,
  type GroupMachine,
  shardMachine,
} from '../../node/services/group-machine.js';
import type { Locks } from '../../node/services/locks/locks.js';
import type { Holdings } from '../../node/services/machine.js';
import { encode } from '../../protocol/codec.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';
import { anyEntry } from './entries.js';
import { lockEntries, steps as lockSteps } from './lock-entries.js';
import { answer, envelopeOf } from './replica.js';
import { feedRows, StrictTables } from './strict-tables.js';

/** An entry, and the time that passes before it, ms. */
type Entries = readonly (readonly [Buffer, number])[];

type Group = 'c' | 's0';

/** How a machine looks from outside. */
interface Looks {
  readonly fingerprint: string;
  readonly deadline: number;
  readonly holdings: Holdings;
  /** What it answers to all kinds of reads, and its fencing floor in `c`. */
  readonly answers: readonly unknown[];
}

/** What was flushed: the rows, and how the machine looked when they were cut. */
interface Checkpoint {
  readonly rows: ReadonlyMap<string, string>;
  /** Entries that were applied. */
  readonly count: number;
  readonly time: number;
  readonly looks: Looks;
}

/** One thing that is done between two entries. */
type Act = { readonly do: 'cut' | 'restart' } | { readonly do: 'tell'; readonly bytes_max: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Act>({ do: 'cut' }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 2000 }).map((bytes_max): Act => ({ do: 'tell', bytes_max })) },
  { weight: 1, arbitrary: fc.constant<Act>({ do: 'restart' }) },
);
const acts = fc.array(fc.tuple(fc.nat(120), act), { maxLength: 90, size: 'max' });

/** A node's replica: applies entries, is cut now and then, and begins anew from its base and the log behind it. */
class Node {
  tables = new StrictTables();
  machine: GroupMachine;
  private locks: Locks | undefined;
  readonly group: Group;
  /** The log, and what each entry brought about. */
  readonly log: { readonly entry: Buffer; readonly time: number; readonly applied: Applied }[] = [];
  time = 0;
  private cut: { readonly rows: Cut; readonly looks: Looks; readonly count: number; readonly time: number } | undefined;
  private flushed: Checkpoint;

  constructor(group: Group) {
    this.group = group;
    this.machine = this.make();
    this.flushed = { rows: new Map(), count: 0, time: 0, looks: this.looks() };
  }

  apply(entry: Buffer, ms: number): void {
    this.time += ms;
    const applied = this.machine.applyEntry(entry, { index: this.log.length + 1, term: 1, time: this.time });
    this.log.push({ entry, time: this.time, applied });
  }

  do(act: Act): void {
    switch (act.do) {
      case 'cut':
        this.cut ??= { looks: this.looks(), rows: this.machine.cut(), count: this.log.length, time: this.time };
        break;
      case 'tell':
        this.tell(act.bytes_max);
        break;
      case 'restart':
        this.restart();
        break;
    }
  }

  /** Begins anew: it comes to where it was, and every entry brings about what it did. */
  restart(): void {
    const looked = this.looks();
    const { rows, count, time, looks } = this.flushed;
    this.tables = new StrictTables();
    this.machine = this.make();
    feedRows(rows, this.machine);
    this.machine.restored(time);
    expect(this.looks()).to.deep.equal(looks);
    expect(this.tables.dirty).to.equal(0);
    this.log.slice(count).forEach(({ entry, time: at, applied }, i) => {
      expect(this.machine.applyEntry(entry, { index: count + i + 1, term: 1, time: at })).to.deep.equal(applied);
    });
    expect(this.looks()).to.deep.equal(looked);
    this.cut = undefined;
  }

  tell(bytes_max: number): void {
    if (this.cut === undefined || this.cut.rows.next(bytes_max) !== null) return;
    const { rows, looks, count, time } = this.cut;
    rows.flushed();
    this.flushed = { rows: new Map(this.tables.base), looks, count, time };
    this.cut = undefined;
  }

  finish(): void {
    while (this.cut !== undefined) this.tell(1000);
    this.do({ do: 'cut' });
    while (this.cut !== undefined) this.tell(1000);
    this.restart();
  }

  private make(): GroupMachine {
    if (this.group === 's0') return shardMachine('s0', this.tables);
    const { machine, locks } = coordinationMachine(this.tables);
    this.locks = locks;
    return machine;
  }

  private looks(): Looks {
    const { machine } = this;
    const answers = READS[this.group].map(([name, argument]) => {
      return answer(machine.read(OPERATIONS[name].number, encode(argument)));
    });
    if (this.locks !== undefined) answers.push(this.locks.floor(BEHIND_ALL));
    return { fingerprint: machine.fingerprint(), deadline: machine.deadline(), holdings: machine.holdings(), answers };
  }
}

/** An index that no entry has. */
const BEHIND_ALL = 2 ** 50;

const NAMES = ['a', 'b', 'c'];
const READS: Readonly<Record<Group, readonly (readonly [OperationName, unknown])[]>> = {
  c: [
    ['session.list', []],
    ['lock.list', ['*', 0, 100]],
    ['lock.waits', [100]],
    ...NAMES.map((name) => ['lock.find', [name]] as const),
    ...NAMES.map((name) => ['sem.find', [name]] as const),
  ],
  s0: [['queue.size', []]],
};

function goesOn(group: Group, entries: fc.Arbitrary<Entries>, runs: number): void {
  fc.assert(
    fc.property(entries, acts, (list, plan) => {
      const node = new Node(group);
      list.forEach(([entry, ms], i) => {
        for (const [when, what] of plan) if (when === i) node.do(what);
        node.apply(entry, ms);
        if (i % 8 === 0) node.tables.check();
      });
      node.finish();
    }),
    { numRuns: runs },
  );
}

/** Entries of a shard: sessions that enqueue, take, wait, give up, confirm; sweeps; fences. Numbers in order, but for a void. */
const shardEntries: fc.Arbitrary<Entries> = (() => {
  const command = <N extends OperationName>(name: N, argument: fc.Arbitrary<ArgumentOf<N>>) =>
    argument.map((value) => ({ name: name as OperationName, value: value as unknown }));
  const body = fc.uint8Array({ maxLength: 60 }).map((bytes) => [Buffer.from(bytes)] as [Buffer]);
  const lanes = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 12 });
  const commands = fc.oneof(
    { weight: 6, arbitrary: command('queue.enqueue', body) },
    { weight: 6, arbitrary: command('queue.dequeue', fc.tuple(fc.constantFrom(0, 5, 40, 1000))) },
    { weight: 1, arbitrary: command('lane.void', fc.constant([] as [])) },
    { weight: 2, arbitrary: command('lane.confirm', fc.tuple(lanes)) },
  );
  const fence = fc.oneof(
    { weight: 4, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 9 })).map((of) => of.join(':')),
    },
  );
  const session = fc.constantFrom(1, 2, 3, 4);
  const one = fc.oneof(
    { weight: 20, arbitrary: fc.record({ of: session, what: commands, fence }) },
    { weight: 1, arbitrary: fc.array(session, { maxLength: 2 }).map((swept) => ({ swept })) },
    { weight: 1, arbitrary: fc.nat(9).map((floor) => ({ floor })) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
  const list = fc.array(fc.tuple(one, fc.constantFrom(0, 0, 0, 3, 9), fc.nat(4)), { maxLength: 120, size: 'max' });
  return list.map((all) => {
    const last = new Map<number, number>();
    return all.map(([step, ms, back], i): [Buffer, number] => {
      if (step === null) return [tickEntry(), ms];
      if ('floor' in step) return [fencesEntry(step.floor), ms];
      if ('swept' in step) {
        for (const gone of step.swept) last.delete(gone);
        return [sweepEntry(i + 5, step.swept), ms];
      }
      const { of, what } = step;
      const before = last.get(of) ?? 0;
      const lane = what.name === 'lane.void' && before > 0 ? Math.max(1, before - back) : before + 1;
      last.set(of, Math.max(before, lane));
      const options = { confirmed: Math.max(0, lane - 1 - 4 * back), fence: step.fence };
      const envelope = envelopeOf('s0', of, lane, what.name, what.value as never, options);
      return [before === 0 ? firstCommandEntry(1000, envelope) : commandEntry(envelope), ms];
    });
  });
})();

describe('a machine that is put together from rows', () => {
  it('goes on as before: sessions, locks, semaphores, fences, news', () => {
    goesOn('c', lockSteps.map(lockEntries), 150);
  }).timeout(60_000);

  it('goes on as before: queues, waits, replies, fences, sweeps', () => {
    goesOn('s0', shardEntries, 150);
  }).timeout(60_000);

  for (const group of ['c', 's0'] as const)
    it(`goes on as before, whatever the entries are (${group})`, () => {
      const entries = fc.array(fc.tuple(anyEntry(group), fc.constantFrom(0, 0, 3)), { maxLength: 120, size: 'max' });
      goesOn(group, entries, 60);
    }).timeout(60_000);
});
