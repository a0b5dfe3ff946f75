/** A connection: who may send what, and an end in good order whatever bytes come. */
import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../protocol/codec.js';
import { FrameWriter } from '../../protocol/frame.js';
import { MESSAGES, toArray } from '../../protocol/messages.js';
import { answer, Ends, keepalive, Owner, vote } from './connection-ends.js';
import { hello } from './greetings.js';
import { anyMessage } from './values.js';

describe('connection', () => {
  let ends: Ends;

  beforeEach(() => {
    ends = new Ends();
  });

  describe('who may send what', () => {
    it('lets a client and a node send theirs, and peers theirs both ways', () => {
      const client = ends.dialled();
      client.connection?.send(keepalive);
      ends.server.connection?.send(answer);
      ends.env.settle();
      expect([client.messages, ends.server.messages]).to.deep.equal([[answer], [keepalive]]);
      const peer = ends.dialled('peer');
      peer.connection?.send(vote);
      ends.server.connection?.send(vote);
      ends.env.settle();
      expect(peer.messages).to.deep.equal([vote]);
      expect(ends.server.messages).to.deep.equal([keepalive, vote]);
    });

    it('refuses every message of another sender, and its owner never sees it', () => {
      const roles = fc.constantFrom<'client' | 'peer'>('client', 'peer');
      fc.assert(
        fc.property(roles, anyMessage, (role, message) => {
          const { sender } = MESSAGES[message.kind];
          fc.pre(sender !== role && !['ping', 'pong', 'refused'].includes(message.kind));
          ends.server.messages.length = 0;
          const end = ends.raw(role);
          end.send(message, keepalive);
          ends.env.settle();
          expect(end.refusal).to.equal('NOT_ALLOWED');
          expect(end.closed).to.equal(true);
          expect(ends.server.messages).to.deep.equal([]);
        }),
      );
    });

    it('refuses what a node may not send to a client', () => {
      const client = ends.dialled();
      ends.server.connection?.send(keepalive);
      ends.env.settle();
      expect(client.events).to.deep.equal(['ready', 'close']);
      expect(ends.server.reason?.by).to.equal('them');
      expect(ends.server.reason?.error?.code).to.equal('NOT_ALLOWED');
    });

    it('answers a ping by itself and hands on the pong', () => {
      const client = ends.dialled();
      client.connection?.send({ kind: 'ping', correlation: 9 });
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([]);
      expect(client.messages).to.deep.equal([{ kind: 'pong', correlation: 9 }]);
    });
  });

  describe('any bytes', () => {
    it('end in messages or in a closed connection, before hello and after', () => {
      const garbage = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 });
      fc.assert(
        fc.property(garbage, fc.boolean(), fc.boolean(), (pieces, framed, greeted) => {
          const owner = new Owner();
          ends.server = owner;
          const end = ends.raw(greeted ? 'client' : undefined);
          for (const piece of pieces) {
            const head = Buffer.from([0, 0, 0, piece.length]);
            end.socket.write(framed ? Buffer.concat([head, Buffer.from(piece)]) : Buffer.from(piece));
          }
          ends.env.settle();
          if (framed || owner.events.includes('close')) {
            expect(end.closed).to.equal(true);
            expect(owner.events.filter((event) => event === 'close')).to.have.length(1);
            expect(['BAD_FRAME', 'FRAME_TOO_BIG', 'BAD_MESSAGE', 'HELLO_EXPECTED']).to.include(end.refusal);
          }
          end.socket.destroy();
          ends.env.settle();
          expect(owner.events.at(-1)).to.equal('close');
          expect(owner.reasons).to.have.length(1);
        }),
        { numRuns: 300 },
      );
    });

    it('byte by byte make the same messages', () => {
      const end = ends.raw();
      const writer = new FrameWriter();
      for (const message of [hello(), keepalive, keepalive]) writer.add(encode(toArray(message)));
      for (const byte of writer.take() ?? []) end.socket.write(Buffer.from([byte]));
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive, keepalive]);
    });

    it('after a refusal are not even read', () => {
      const end = ends.raw('client');
      end.send(vote, keepalive, keepalive);
      ends.env.settle();
      expect(ends.server.events).to.deep.equal(['ready', 'close']);
    });

    it('that claim a frame over the limit are refused as too big', () => {
      const end = ends.raw('client');
      end.socket.write(Buffer.from([0, 0x10, 0, 1]));
      ends.env.settle();
      expect(end.refusal).to.equal('FRAME_TOO_BIG');
    });

    it('that are a bomb are refused by the guard', () => {
      const end = ends.raw('client');
      const bomb = Buffer.alloc(4 + (256 << 10), 0x9f);
      bomb.writeUInt32BE(256 << 10);
      end.socket.write(bomb);
      ends.env.settle();
      expect(end.refusal).to.equal('BAD_MESSAGE');
    });

    it('do not hide a mistake of the owner', () => {
      ends.server.message = () => {
        throw new TypeError('a mistake of the owner');
      };
      const end = ends.raw('client');
      end.send(keepalive);
      expect(() => ends.env.settle()).to.throw(TypeError, 'a mistake of the owner');
    });
  });
});
