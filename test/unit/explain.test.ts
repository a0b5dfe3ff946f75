/** Entries of the log in words: short, on one line, nothing in them that a terminal would obey. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  commandEntry,
  decodeEntry,
  expireEntry,
  fencesEntry,
  firstCommandEntry,
  sweepEntry,
  tickEntry,
} from '../../node/services/entry.js';
import { explainEntry } from '../../node/services/explain.js';
import { encode } from '../../protocol/codec.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';
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

  it('say under which fence a command goes', () => {
    const fenced = (name: 'queue.dequeue' | 'queue.size', argument: [number] | [], fence: string) =>
      inWords(commandEntry(envelopeOf('s0', A, 2, name, argument as [], { fence })))[2];
    expect(fenced('queue.size', [], 'deploy:5')).to.equal('queue.size --fence deploy:5');
    expect(fenced('queue.dequeue', [1000], 'a\u001b[2J:5')).to.equal('dequeue --wait 1s --fence a\ufffd[2J:5');
  });

  it('say of locks and semaphores what was asked for, as it would be typed, and by which owner', () => {
    const said = <N extends OperationName>(name: N, argument: ArgumentOf<N>): string =>
      inWords(commandEntry(envelopeOf('c', A, 1, name, argument)))[2];
    expect(said('lock.acquire', [3, [['red', 3]], 30_000, 0, 0, 0, ''])).to.equal(
      'acquire red --mode x --wait 30s (owner 3)',
    );
    expect(
      said('lock.acquire', [
        3,
        [
          ['red', 3],
          ['blue', 1],
        ],
        0,
        5000,
        500,
        7,
        'why',
      ]),
    ).to.equal('try red blue --mode x,s --hold 5s --delay 500ms --note why (owner 3)');
    expect(said('lock.release', [3, 'red', 0, 0])).to.equal('release red (owner 3)');
    expect(said('lock.release', [3, 'red', 118, 2])).to.equal('release red --token 118 x2 (owner 3)');
    expect(said('lock.convert', [3, 'red', 2, 1000, 0])).to.equal('convert red u --wait 1s (owner 3)');
    expect(said('lock.revoke', ['red', 10_000])).to.equal('revoke red --after 10s');
    expect(said('lock.revoke', ['red', 0])).to.equal('revoke red');
    expect(said('lock.news', [5, 60_000])).to.equal('news of locks after 5 --wait 1m');
    expect(said('lock.find', ['red'])).to.equal('lock red');
    expect(said('lock.list', ['r*', 0, 9])).to.equal('locks r*');
    expect(said('lock.list', ['r*', B, 9])).to.equal('locks r* of 12');
    expect(said('lock.waits', [9])).to.equal('waits');
    expect(said('lock.fence', ['red', 118])).to.equal('fence red:118');
    expect(said('sem.set', ['pool', 3])).to.equal('sem pool set 3');
    expect(said('sem.acquire', [3, 'pool', 2, 1000])).to.equal('sem pool acquire 2 --wait 1s (owner 3)');
    expect(said('sem.release', [3, 'pool', 2])).to.equal('sem pool release 2 (owner 3)');
    expect(said('sem.find', ['pool'])).to.equal('sem pool');
    for (const name of Object.keys(OPERATIONS) as OperationName[]) {
      if (!/^(lock|sem)\./.test(name)) continue;
      expect(said(name, ['?', '?', '?', '?', '?', '?', '?', '?'] as never), name).to.equal(`${name} (malformed)`);
    }
  });

  it('say what a leader did by itself', () => {
    expect(inWords(sweepEntry(50, [A, B]))).to.deep.equal(['sweep', 0, 'sweep 2 sessions ended by 50']);
    expect(inWords(expireEntry([A]))).to.deep.equal(['expire', 0, 'expire 1 session: 11']);
    expect(inWords(tickEntry())).to.deep.equal(['tick', 0, 'tick']);
    expect(inWords(fencesEntry(50))).to.deep.equal(['fences', 0, "tokens below 50 are nobody's"]);
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
    expect(decodeEntry(fencesEntry(2 ** 40))).to.deep.equal({ kind: 'fences', floor: 2 ** 40 });
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
