/** Runs: the bytes that logs and appends share. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeRun,
  eachEntry,
  encodeRun,
  firstEntry,
  lastOf,
  MACHINE_VERSION,
  type Run,
  RunError,
  sliceRun,
} from '../../node/raft/run.js';
import type { Proposal } from '../../node/raft/types.js';

const u48 = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const entry: fc.Arbitrary<Proposal> = fc.record({
  kind: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
});
const anyRun = fc
  .tuple(
    fc.constantFrom('c', 's0', 's31', ''),
    u48,
    fc.integer({ min: 1, max: 2 ** 40 }),
    u48,
    fc.array(entry, { minLength: 1, maxLength: 20 }),
  )
  .map(([group, term, first, time, entries]) => ({ run: encodeRun(group, term, first, time, entries), entries }));

function bytesOf(run: Run): Buffer {
  if (run.bytes === null) throw new Error('no bytes');
  return run.bytes;
}

function entriesOf(run: Run, from = run.first, to = lastOf(run)): [number, number, string][] {
  const found: [number, number, string][] = [];
  eachEntry(bytesOf(run), from, to, (index, one, time) => found.push([index, time, one.toString('hex')]));
  return found;
}

const hex = ({ kind, payload }: Proposal) => Buffer.concat([Buffer.from([kind]), payload]).toString('hex');

describe('a run', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyRun, ({ run, entries }) => {
        expect(decodeRun(bytesOf(run))).to.deep.equal(run);
        expect(entriesOf(run)).to.deep.equal(entries.map((one, i) => [run.first + i, run.time, hex(one)]));
        expect(firstEntry(bytesOf(run)).toString('hex')).to.equal(hex(entries[0] as Proposal));
      }),
    );
  });

  it('gives the entries of a range and no others', () => {
    fc.assert(
      fc.property(anyRun, fc.nat(25), fc.nat(25), ({ run, entries }, skip, count) => {
        const from = run.first + skip;
        const expected = entries.map((one, i) => [run.first + i, run.time, hex(one)]).slice(skip, skip + count);
        expect(entriesOf(run, from, from + count - 1)).to.deep.equal(expected);
      }),
    );
  });

  it('is cut to any part of itself, which has its own bytes, the same time, and no place on disk', () => {
    fc.assert(
      fc.property(anyRun, fc.nat(), fc.nat(), ({ run }, a, b) => {
        const from = run.first + (a % run.count);
        const to = from + (b % (lastOf(run) - from + 1));
        run.place = 'on disk';
        const part = sliceRun(run, from, to);
        expect(entriesOf(part)).to.deep.equal(entriesOf(run, from, to));
        if (from === run.first && to === lastOf(run)) expect(part).to.equal(run);
        else expect(decodeRun(bytesOf(part))).to.deep.equal(part);
      }),
    );
  });

  it('keeps the version of its entries when it is cut', () => {
    const run = encodeRun('g', 1, 1, 0, [
      { kind: 16, payload: Buffer.from('a') },
      { kind: 16, payload: Buffer.from('b') },
    ]);
    bytesOf(run).writeUInt16BE(MACHINE_VERSION - 1, 2 + 1 + 18);
    expect(bytesOf(sliceRun(run, 2, 2)).readUInt16BE(2 + 1 + 18)).to.equal(MACHINE_VERSION - 1);
  });

  it('cannot be cut while it is not in memory', () => {
    const run = encodeRun('g', 1, 1, 0, [
      { kind: 16, payload: Buffer.from('a') },
      { kind: 16, payload: Buffer.from('b') },
    ]);
    expect(() => sliceRun({ ...run, bytes: null }, 2, 2)).to.throw(RunError);
  });

  it('is refused with a RunError, never otherwise, whatever the bytes', () => {
    const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(fc.property(garbage, readsOrRefuses), { numRuns: 2000 });
  });

  it('is refused with a RunError, or is a run, when some of its bytes are others', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const changed = fc.tuple(anyRun, changes, fc.nat(3)).map(([{ run }, bytes, cut]) => {
      const copy = Buffer.from(bytesOf(run));
      for (const [at, value] of bytes) copy[at % copy.length] = value;
      return copy.subarray(0, copy.length - cut);
    });
    fc.assert(fc.property(changed, readsOrRefuses), { numRuns: 2000 });
  });

  it('is refused when it is of a newer version, of no term, at no index or without entries', () => {
    const good = () => bytesOf(encodeRun('g', 1, 1, 0, [{ kind: 16, payload: Buffer.from('a') }]));
    const head = 2 + 1;
    const wrong: [string, (bytes: Buffer) => void][] = [
      ['format', (bytes) => bytes.writeUInt8(2, 0)],
      ['term', (bytes) => bytes.writeUIntBE(0, head, 6)],
      ['index', (bytes) => bytes.writeUIntBE(0, head + 6, 6)],
      ['version', (bytes) => bytes.writeUInt16BE(MACHINE_VERSION + 1, head + 18)],
      ['count', (bytes) => bytes.writeUInt32BE(0, head + 20)],
      ['more entries than bytes', (bytes) => bytes.writeUInt32BE(2 ** 32 - 1, head + 20)],
      ['an entry without a kind', (bytes) => bytes.writeUInt32BE(0, head + 24)],
      ['a longer entry', (bytes) => bytes.writeUInt32BE(3, head + 24)],
    ];
    expect(() => decodeRun(good())).not.to.throw();
    for (const [what, change] of wrong) {
      const bytes = good();
      change(bytes);
      expect(() => decodeRun(bytes), what).to.throw(RunError);
    }
  });
});

function readsOrRefuses(bytes: Buffer): void {
  try {
    const run = decodeRun(bytes);
    expect(entriesOf(run)).to.have.length(run.count);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
  }
}
