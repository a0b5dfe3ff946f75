/** Entries of the log in words: short, on one line, nothing in them that a terminal would obey. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  commandEntry,
  decodeEntry,
  expireEntry,
  firstCommandEntry,
  sweepEntry,
  tickEntry,
} from '../../node/services/entry.js';
import { explainEntry } from '../../node/services/explain.js';
import { encode } from '../../protocol/codec.js';
import { anyEntry } from './entries.js';
import { envelopeOf, valueBytes } from './replica.js';

const A = 11;
const B = 12;

describe('entries in words', () => {
  const inWords = (entry: Buffer): [string, number, string] => {
    const { kind, session, command } = explainEntry(entry);
    return [kind, session, command];
  };
  const enqueued = (value: unknown): string =>
    inWords(commandEntry(envelopeOf('s0', A, 1, 'queue.enqueue', [encode(value)])))[2];

  it('say what a command does', () => {
    expect(inWords(commandEntry(envelopeOf('s0', A, 1, 'queue.enqueue', [valueBytes(5)])))).to.deep.equal([
      'command',
      A,
      'enqueue(5)',
    ]);
    expect(inWords(firstCommandEntry(9, envelopeOf('s0', A, 1, 'queue.dequeue', [0])))).to.deep.equal([
      'command',
      A,
      'dequeue',
    ]);
    expect(inWords(commandEntry(envelopeOf('s0', A, 2, 'queue.dequeue', [1500])))[2]).to.equal('dequeue --wait 1500ms');
    expect(inWords(commandEntry(envelopeOf('s0', A, 2, 'queue.dequeue', [120_000])))[2]).to.equal('dequeue --wait 2m');
    expect(inWords(commandEntry(envelopeOf('c', 0, 0, 'session.open', ['cli-1', 10_000])))).to.deep.equal([
      'command',
      0,
      'open session cli-1 10s',
    ]);
    expect(inWords(commandEntry(envelopeOf('c', A, 1, 'session.close', [B])))[2]).to.equal('close session 12');
    expect(inWords(commandEntry(envelopeOf('s0', A, 3, 'lane.void', [])))[2]).to.equal('void command 3');
    expect(inWords(commandEntry(envelopeOf('s0', A, 3, 'lane.confirm', [[1, 2]])))[2]).to.equal('confirm 1 2');
  });

  it('say what a leader did by itself', () => {
    expect(inWords(sweepEntry(50, [A, B]))).to.deep.equal(['sweep', 0, 'sweep 2 sessions ended by 50']);
    expect(inWords(expireEntry([A]))).to.deep.equal(['expire', 0, 'expire 1 session: 11']);
    expect(inWords(tickEntry())).to.deep.equal(['tick', 0, 'tick']);
    expect(inWords(Buffer.from([200]))).to.deep.equal(['unknown', 0, 'unknown entry of kind 200']);
  });

  it('show values as they would be typed, and cut what is long', () => {
    expect(enqueued('resize:17')).to.equal('enqueue("resize:17")');
    expect(enqueued({ a: [1, Buffer.from([0, 255])] })).to.equal('enqueue({"a":[1,"hex:00ff"]})');
    expect([...enqueued('x'.repeat(500))].length).to.equal(80);
    expect(enqueued('x'.repeat(5000))).to.equal('enqueue(5003 bytes)');
    expect(inWords(commandEntry(envelopeOf('s0', A, 1, 'queue.enqueue', [Buffer.from([0xc1])])))[2]).to.equal(
      'enqueue(hex:c1)',
    );
  });

  it('let no value move the cursor or hide', () => {
    expect(enqueued('\u001b[2J\u202e\u2066\u0085')).to.not.match(/[\p{Cc}\p{Cf}]/u);
  });

  it('come back from bytes as they were written', () => {
    const envelope = envelopeOf('s0', A, 1, 'queue.dequeue', [0]);
    expect(decodeEntry(firstCommandEntry(2 ** 47, envelope))).to.deep.include({ kind: 'firstCommand', alive: 2 ** 47 });
    expect(decodeEntry(sweepEntry(7, [1, 2]))).to.deep.equal({ kind: 'sweep', horizon: 7, sessions: [1, 2] });
    expect(decodeEntry(expireEntry([1, 2]))).to.deep.equal({ kind: 'expire', sessions: [1, 2] });
    expect(decodeEntry(tickEntry())).to.deep.equal({ kind: 'tick' });
  });

  it('say something short and printable of any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(anyEntry('c'), anyEntry('s0')), (any) => {
        const { command: text, bytes: length } = explainEntry(any);
        expect([...text].length).to.be.within(1, 80);
        expect(text).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(length).to.equal(any.length);
      }),
      { numRuns: 1000 },
    );
  });
});
