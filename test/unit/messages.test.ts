/** The catalogue of messages: every one goes through bytes and back, and nothing else is taken for one. */
import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { clip, FieldError } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { fromArray, MESSAGES, type Message, type MessageName, toArray } from '../../protocol/messages.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { decodeMessage, encodeMessage } from '../../protocol/wire.js';
import { anyMessage, someMessage, someValue } from './values.js';

const KINDS = Object.keys(MESSAGES) as MessageName[];

describe('the catalogue of messages', () => {
  for (const kind of KINDS)
    it(`${kind} comes back as it went`, () => {
      fc.assert(
        fc.property(someMessage(kind), (message) => {
          expect(decodeMessage(Buffer.from(encodeMessage(message)))).to.deep.equal(message);
        }),
        { numRuns: 30 },
      );
    });

  it('uses no number twice, nor do the operations', () => {
    for (const catalogue of [MESSAGES, OPERATIONS]) {
      const numbers = Object.values(catalogue).map((type) => type.number);
      expect(new Set(numbers).size).to.equal(numbers.length);
    }
  });

  it('takes nothing but arrays with a number that stands in it', () => {
    for (const bad of [null, 5, 'hello', {}, [], ['1'], [0], [9999], [-1], [1.5], [[1]]])
      expect(() => fromArray(bad), JSON.stringify(bad)).to.throw(FieldError);
  });

  it('takes no message with a field too few or too many', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const fields = toArray(message);
        expect(() => fromArray(fields.slice(0, -1))).to.throw(FieldError);
        expect(() => fromArray([...fields, 0])).to.throw(FieldError);
      }),
    );
  });

  it('names message and field of a wrong value', () => {
    expect(() => fromArray([4, -1])).to.throw(FieldError, 'ping.correlation: expected u32');
    expect(() => fromArray([23, 1, 's0', 2 ** 53, 1])).to.throw(FieldError, 'pending.term: expected u53');
    expect(() => fromArray([11, 1, 1, 'x'.repeat(17), '', '', 18, Buffer.alloc(0)])).to.throw(
      'read.group: expected text',
    );
    expect(() => fromArray([10, 1, 'text'])).to.throw('command.envelope: expected bytes');
    expect(() => fromArray([20, [['n1']], []])).to.throw('leaders.members: expected [');
    expect(() => fromArray([22, 1, 'TIMEOUT', '', 1, {}])).to.throw('failure.definite: expected flag');
  });

  it('takes no list longer than its limit', () => {
    const strays = Array.from({ length: LIMITS.groups_max + 1 }, () => ['s0', 1]);
    expect(() => fromArray([45, 1, strays])).to.throw('heartbeat_reply.strays');
    expect(() => fromArray([45, 1, strays.slice(1)])).to.not.throw();
  });

  it('gives a message or an error for any value and any bytes', () => {
    fc.assert(
      fc.property(fc.array(someValue), fc.constantFrom(...KINDS), (values, kind) => {
        try {
          const message = fromArray([MESSAGES[kind].number, ...values]);
          expect(message.kind).to.equal(kind);
        } catch (error) {
          expect(error).to.be.instanceOf(FieldError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('does not send a value that would arrive as another', () => {
    const bad = { kind: 'answer', correlation: 1, value: { at: new Date(0) } } as Message;
    expect(() => encodeMessage(bad)).to.throw(ConcordError, 'a Date at 2.at');
  });
});

describe('clip', () => {
  it('makes any text one that its field takes and every encoder carries', () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 });
    fc.assert(
      fc.property(units, fc.nat(30), (codes, max) => {
        const clipped = clip(String.fromCharCode(...codes), max);
        expect(clipped.length).to.be.at.most(max);
        expect(() => encode(clipped)).to.not.throw();
      }),
    );
  });

  it('leaves a text that fits as it is', () => {
    expect(clip('déjà 😀', 100)).to.equal('déjà 😀');
  });
});
