/** The log of a replica against a plain array of entries: whatever is done to both, they tell the same. */
import { expect } from 'chai';
import fc from 'fast-check';
import { RaftLog } from '../../node/raft/log.js';
import { decodeRun, eachEntry, encodeRun, lastOf, type Run, RunError } from '../../node/raft/run.js';
import { InvariantError } from '../../node/raft/types.js';
import { logOf, run } from './raft-harness.js';

type Command =
  | { readonly do: 'append'; readonly term: number; readonly sizes: readonly number[] }
  | { readonly do: 'truncate'; readonly at: number }
  | { readonly do: 'compact'; readonly at: number }
  | { readonly do: 'begin'; readonly at: number; readonly agrees: boolean }
  | { readonly do: 'save' }
  | { readonly do: 'saved' }
  | { readonly do: 'apply' }
  | { readonly do: 'load'; readonly at: number }
  | { readonly do: 'slice'; readonly at: number; readonly bytes: number; readonly runs: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      term: fc.nat(2),
      sizes: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), at: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('begin' as const), at: fc.nat(20), agrees: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('save' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('saved' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('apply' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('load' as const), at: fc.nat(40) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('slice' as const),
      at: fc.nat(40),
      bytes: fc.nat(300),
      runs: fc.integer({ min: 1, max: 5 }),
    }),
  },
);

/** A log, the plain array beside it, and a disk. */
class Pair {
  readonly log: RaftLog;
  /** Index 0 is entry 1. */
  readonly model: { term: number; what: string }[] = [];
  durable = 0;
  applied = 0;
  /** What lies at or below it is purged. */
  start = 0;
  #unsaved: Run[] = [];
  /** What is being written: runs, and up to where it proves the log. */
  #saving: { runs: { run: Run; bytes: Buffer }[]; last: number } | null = null;
  #number = 0;

  constructor(cacheMax: number) {
    this.log = new RaftLog([], cacheMax, 200);
  }

  do(one: Command): void {
    const { log, model } = this;
    switch (one.do) {
      case 'append': {
        const term = log.lastTerm + one.term + (log.last === 0 ? 1 : 0);
        const words = one.sizes.map((size) => `${++this.#number}${'.'.repeat(size)}`);
        const appended = run(term, log.last + 1, words, this.#number);
        log.append(appended);
        this.#unsaved.push(appended);
        for (const what of words) model.push({ term, what });
        break;
      }
      case 'truncate': {
        const index = this.applied + 1 + one.at;
        if (index > log.last || index <= this.start) return;
        log.truncate(index);
        model.length = index - 1;
        this.durable = Math.min(this.durable, index - 1);
        if (this.#saving !== null) this.#saving.last = Math.min(this.#saving.last, index - 1);
        this.#unsaved = this.#unsaved.filter((unsaved) => unsaved.first < index);
        break;
      }
      case 'compact': {
        log.compact(Math.min(one.at, this.applied));
        expect(log.start.index, 'whole runs, no more').to.be.at.most(
          Math.max(this.start, Math.min(one.at, this.applied)),
        );
        this.start = log.start.index;
        break;
      }
      case 'begin':
        this.#begin(this.applied + 1 + one.at, one.agrees);
        break;
      case 'save':
        if (this.#saving !== null) return;
        this.#saving = {
          runs: this.#unsaved.map((unsaved) => ({ run: unsaved, bytes: Buffer.from(unsaved.bytes ?? '') })),
          last: log.last,
        };
        this.#unsaved = [];
        break;
      case 'saved':
        if (this.#saving === null) return;
        for (const { run: written, bytes } of this.#saving.runs) written.place = bytes;
        log.saved(this.#saving.last);
        this.durable = Math.max(this.durable, this.#saving.last);
        this.#saving = null;
        break;
      case 'apply':
        this.applied = this.durable;
        log.shrink(this.applied);
        break;
      case 'load': {
        const found = log.runAt(one.at);
        if (found?.bytes === null) expect(log.load(found, found.place as Buffer)).to.equal(true);
        break;
      }
      case 'slice':
        this.#slice(1 + (one.at % (log.last + 1)), one.bytes, one.runs);
        break;
    }
    this.#compare();
  }

  // A checkpoint of another as of `index`: of the entry that is here, or of one of a later term.
  #begin(index: number, agrees: boolean): void {
    const { log, model } = this;
    const here = log.termAt(index);
    const term = agrees && here !== undefined ? here : log.lastTerm + 1;
    expect(log.begin({ index, term }), 'what follows stays').to.equal(term === here);
    this.start = index;
    this.applied = index;
    this.durable = Math.max(index, term === here ? this.durable : 0);
    while (model.length < index) model.push({ term, what: '' });
    if (term !== here) {
      model.length = index;
      model[index - 1] = { term, what: '' };
      if (this.#saving !== null) this.#saving.last = Math.min(this.#saving.last, index);
    }
    this.#unsaved = this.#unsaved.filter((unsaved) => log.holds(unsaved));
    const [first] = this.#unsaved;
    if (first !== undefined && first.first <= index) this.#unsaved[0] = log.behead();
  }

  #slice(from: number, bytes_max: number, runs_max: number): void {
    if (from > this.log.last || from <= this.start) return;
    const { runs, bytes, last, missing } = this.log.slice(from, bytes_max, runs_max);
    expect(runs.length === 0, 'runs, or those that are missing').to.equal(missing.length > 0);
    if (missing.length > 0) {
      expect(this.log.runAt(from)).to.equal(missing[0]);
      for (const one of missing) expect(one.bytes).to.equal(null);
      return;
    }
    expect(runs.length).to.be.at.most(runs_max);
    if (runs.length > 1) expect(bytes).to.be.at.most(bytes_max);
    expect(bytes).to.equal(runs.reduce((sum, one) => sum + one.length, 0));
    let next = from;
    for (const one of runs) {
      expect(decodeRun(one).first, 'the first part of a run that is asked for from the middle on').to.equal(next);
      for (const what of wordsOf(decodeRun(one))) expect(what).to.equal(this.model[next++ - 1]?.what);
    }
    expect(last).to.equal(next - 1);
  }

  #compare(): void {
    const { log, model } = this;
    expect(log.last).to.equal(model.length);
    expect(log.lastTerm).to.equal(model.at(-1)?.term ?? 0);
    expect(log.durable).to.equal(this.durable);
    expect(log.start).to.deep.equal({ index: this.start, term: this.start === 0 ? 0 : model[this.start - 1]?.term });
    for (let index = 0; index <= model.length + 1; index++) {
      const term = index === 0 ? 0 : model[index - 1]?.term;
      expect(log.termAt(index), `term at ${index}`).to.equal(index < this.start ? undefined : term);
    }
    let cached = 0;
    for (let index = log.first; index <= log.last; ) {
      const one = log.runAt(index);
      if (one === undefined) throw new Error(`no run at ${index}`);
      if (index > log.first) expect(one.first).to.equal(index);
      expect(log.holds(one)).to.equal(true);
      if (one.bytes === null) expect(one.place, 'what is not in memory is on disk').not.to.equal(null);
      else {
        const words = wordsOf(one).slice(index - one.first);
        expect(words).to.deep.equal(model.slice(index - 1, lastOf(one)).map(({ what }) => what));
        cached += one.bytes.length;
      }
      index = lastOf(one) + 1;
    }
    expect(log.cached, 'bytes in memory').to.equal(cached);
  }
}

function wordsOf(one: Run): string[] {
  const words: string[] = [];
  eachEntry(one.bytes ?? Buffer.alloc(0), one.first, lastOf(one), (_, entry) => words.push(entry.toString('utf8', 1)));
  return words;
}

/** A run that reaches behind the start loses all that lies there. */
const CUT_BACK_TO_THE_START: Command[] = [
  { do: 'append', term: 0, sizes: [0, 0] },
  { do: 'save' },
  { do: 'begin', at: 0, agrees: true },
  { do: 'truncate', at: 0 },
];

describe('the log of a replica', () => {
  it('tells what a plain array of entries tells, whatever is appended, cut, saved, dropped and read back', () => {
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 150, 1 << 20),
        (commands, cacheMax) => {
          const pair = new Pair(cacheMax);
          for (const one of commands) pair.do(one);
        },
      ),
      { numRuns: 500, examples: [[CUT_BACK_TO_THE_START, 0]] },
    );
  });

  it('finds the last index at or below one whose term is not above one', () => {
    const term = fc.array(fc.nat(2), { maxLength: 12 });
    fc.assert(
      fc.property(term, fc.nat(15), fc.nat(30), (steps, index, limit) => {
        let sum = 1;
        const terms = steps.map((step) => (sum += step));
        const log = new RaftLog(logOf(terms), 0, 0);
        let expected = Math.min(index, terms.length);
        while (expected > 0 && (terms[expected - 1] ?? 0) > limit) expected--;
        expect(log.lastAtOrBelow(index, limit)).to.equal(expected);
      }),
    );
  });

  it('that has been purged tells where one that ends before its start could agree: nowhere that it knows of', () => {
    const log = new RaftLog(logOf([1, 1, 2, 4, 4, 6]), 0, 0);
    log.compact(3);
    expect(log.lastAtOrBelow(6, 4)).to.equal(5);
    expect(log.lastAtOrBelow(6, 3), 'the start itself').to.equal(3);
    expect(log.lastAtOrBelow(6, 1), 'before the start').to.equal(2);
    expect(log.lastAtOrBelow(2, 9), 'before the start').to.equal(2);
  });

  it('begins behind its checkpoint, with the runs that reach back further as far as it knows what they follow', () => {
    const begin = (runs: Run[], index: number, term: number) => {
      const log = new RaftLog(runs, 0, 0, { index, term });
      return [log.start.index, log.start.term, log.last, log.durable];
    };
    expect(begin([], 7, 3)).to.deep.equal([7, 3, 7, 7]);
    expect(begin(logOf([3, 3], 8), 7, 2)).to.deep.equal([7, 2, 9, 9]);
    expect(begin(logOf([1, 1, 2]), 2, 1), 'all of it').to.deep.equal([0, 0, 3, 3]);
    expect(begin(logOf([1, 2, 2, 3], 4), 6, 2), 'nobody knows the term before the first run').to.deep.equal([
      4, 1, 7, 7,
    ]);
    expect(begin([run(2, 4, ['a', 'b', 'c', 'd'])], 6, 2)).to.deep.equal([6, 2, 7, 7]);
    expect(() => begin(logOf([1], 4), 2, 1), 'a gap').to.throw(InvariantError);
    expect(() => begin(logOf([1, 1]), 2, 2), 'another entry').to.throw(InvariantError);
    expect(() => begin(logOf([1, 1]), 3, 1), 'it ends before').to.throw(InvariantError);
  });

  it('keeps a run of which the checkpoint holds only a part, and reads it back', () => {
    const whole = run(2, 4, ['a', 'b', 'c', 'd']);
    const log = new RaftLog([{ ...whole, bytes: null, place: 'somewhere' }], 0, 1 << 20, { index: 5, term: 2 });
    expect([log.termAt(4), log.termAt(5), log.termAt(6)]).to.deep.equal([undefined, 2, 2]);
    const { missing } = log.slice(6, 1000, 1);
    expect(log.load(missing[0] as Run, whole.bytes as Buffer)).to.equal(true);
    expect(log.slice(6, 1000, 1).runs.map((bytes) => wordsOf(decodeRun(bytes)))).to.deep.equal([['c', 'd']]);
  });

  it('lets go only whole runs, and none that is not durable', () => {
    const log = new RaftLog([], 1 << 20, 0);
    for (const one of [run(1, 1, ['a', 'b']), run(1, 3, ['c', 'd']), run(2, 5, ['e'])]) log.append(one);
    log.compact(5);
    expect(log.start.index, 'nothing is durable').to.equal(0);
    log.saved(4);
    log.compact(3);
    expect(log.start).to.deep.equal({ index: 2, term: 1 });
    log.compact(5);
    expect(log.start).to.deep.equal({ index: 4, term: 1 });
    expect(log.runs).to.equal(1);
    expect(() => log.truncate(4)).to.throw(InvariantError, 'purged');
  });

  it('drops from memory what is durable and not applied while nothing is applied', () => {
    const log = new RaftLog([], 100, 0);
    for (let index = 1; index <= 6; index++) {
      const one = run(1, index, ['0123456789']);
      one.place = one.bytes;
      log.append(one);
    }
    log.saved(5);
    log.shrink(Number.POSITIVE_INFINITY);
    expect([1, 2, 3, 4, 5, 6].filter((index) => log.runAt(index)?.bytes != null)).to.deep.equal([5, 6]);
  });

  it('refuses a gap, an overlap and a term that falls', () => {
    const log = new RaftLog([], 1 << 20, 1 << 20);
    log.append(run(2, 1, ['a', 'b']));
    for (const wrong of [run(2, 2, ['x']), run(2, 4, ['x']), run(1, 3, ['x'])])
      expect(() => log.append(wrong)).to.throw('a run');
  });

  it('takes from disk only the run that was asked for', () => {
    const [first, second] = logOf([1, 1]) as [Run, Run];
    const log = new RaftLog(
      [
        { ...first, bytes: null },
        { ...second, bytes: null },
      ],
      0,
      0,
    );
    const asked = log.runAt(1) as Run;
    expect(() => log.load(asked, second.bytes as Buffer)).to.throw(RunError);
    expect(() =>
      log.load(asked, encodeRun('other', 1, 1, 0, [{ kind: 0, payload: Buffer.alloc(0) }]).bytes as Buffer),
    ).to.throw(RunError);
    expect(log.load(asked, first.bytes as Buffer)).to.equal(true);
  });

  it('does not take what was read from disk for a run that has been cut away since', () => {
    const first = run(1, 1, ['a']);
    const log = new RaftLog([{ ...first, bytes: null, place: 'somewhere' }], 0, 0);
    const asked = log.runAt(1) as Run;
    log.truncate(1);
    log.append(run(2, 1, ['b']));
    expect(log.load(asked, first.bytes as Buffer)).to.equal(false);
    expect(log.termAt(1)).to.equal(2);
  });

  it('reads back only the part of a record that the log still holds', () => {
    const whole = run(1, 1, ['a', 'b', 'c']);
    const log = new RaftLog([{ ...whole, bytes: null, place: 'somewhere' }], 0, 0);
    log.truncate(3);
    log.append(run(2, 3, ['d']));
    const cut = log.runAt(1) as Run;
    expect(log.load(cut, whole.bytes as Buffer)).to.equal(true);
    expect(wordsOf(cut)).to.deep.equal(['a', 'b']);
  });

  it('gives a run its place even when it was cut while it was being written, so that memory can let it go', () => {
    const log = new RaftLog([], 0, 0);
    const written = run(1, 1, ['a', 'b', 'c']);
    log.append(written);
    log.truncate(3);
    written.place = 'somewhere';
    log.saved(2);
    log.shrink(2);
    expect(log.runAt(1)?.bytes).to.equal(null);
    expect(log.runAt(1)?.place).to.equal('somewhere');
  });

  it('keeps in memory what is not durable, not applied, or beyond no limit', () => {
    const log = new RaftLog([], 100, 0);
    for (let index = 1; index <= 6; index++) {
      const one = run(1, index, ['0123456789']);
      one.place = 'somewhere';
      log.append(one);
    }
    const inMemory = () => [1, 2, 3, 4, 5, 6].filter((index) => log.runAt(index)?.bytes != null);
    log.shrink(6);
    expect(inMemory(), 'nothing is durable').to.deep.equal([1, 2, 3, 4, 5, 6]);
    log.saved(6);
    log.shrink(2);
    expect(inMemory(), 'two are applied').to.deep.equal([3, 4, 5, 6]);
    log.shrink(6);
    expect(inMemory(), 'two fit').to.deep.equal([5, 6]);
    expect(log.cached).to.be.at.most(100);
  });

  it('does not let what is read back push out what is new, nor pile up', () => {
    const log = new RaftLog([], 150, 100);
    for (let index = 1; index <= 20; index++) {
      const one = run(1, index, ['0123456789']);
      one.place = one.bytes;
      log.append(one);
    }
    log.saved(20);
    log.shrink(20);
    for (let index = 1; index <= 15; index++) {
      const one = log.runAt(index) as Run;
      log.load(one, one.place as Buffer);
      log.shrink(20);
      expect(one.bytes, 'what came last is there').not.to.equal(null);
      expect(log.runAt(20)?.bytes, 'what is new is there').not.to.equal(null);
      expect(log.cached).to.be.at.most(250);
    }
  });

  it('names several runs at once that have to be read from disk', () => {
    const log = new RaftLog(
      logOf([1, 1, 1, 1, 1]).map((one) => ({ ...one, bytes: null })),
      0,
      0,
    );
    const size = log.runAt(1)?.size ?? 0;
    expect(log.slice(2, 3 * size, 10).missing.map(({ first }) => first)).to.deep.equal([2, 3, 4]);
    expect(
      log.slice(2, 1, 10).missing.map(({ first }) => first),
      'at least one',
    ).to.deep.equal([2]);
  });
});
