/** What a connection is given to send: one write a turn, and backpressure without ends that wait for each other. */
import { expect } from 'chai';
import { dial } from '../../protocol/connection.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Message } from '../../protocol/messages.js';
import { answer, Ends, keepalive, Owner, vote } from './connection-ends.js';
import { ADDRESS, hello } from './greetings.js';

describe('connection', () => {
  let ends: Ends;

  beforeEach(() => {
    ends = new Ends();
  });

  describe('writing', () => {
    it('puts all messages of a turn into one write', () => {
      const end = ends.raw('client');
      end.chunks.length = 0;
      for (let i = 0; i < 100; i++) ends.server.connection?.send(answer);
      ends.env.settle();
      expect(end.chunks).to.have.length(1);
      expect(end.received.filter((message) => message.kind === 'answer')).to.have.length(100);
    });

    it('waits for flush when its owner has turns of its own, told once that there is something', () => {
      let dirty = 0;
      const owner = Object.assign(new Owner(), { dirty: () => dirty++ });
      const connection = dial(ends.env, ADDRESS, hello(), owner);
      ends.env.settle();
      expect(dirty).to.equal(1);
      expect(ends.server.events).to.deep.equal([]);
      connection.flush();
      ends.env.settle();
      connection.send(keepalive);
      connection.send(keepalive);
      ends.env.settle();
      expect(dirty).to.equal(2);
      expect(ends.server.messages).to.deep.equal([]);
      connection.flush();
      ends.env.settle();
      expect(ends.server.messages).to.have.length(2);
      connection.flush();
      expect(dirty).to.equal(2);
    });

    it('sends nothing before ready and after the end, and says so', () => {
      const owner = new Owner();
      const connection = dial(ends.env, ADDRESS, hello(), owner);
      expect(connection.send(keepalive)).to.equal(false);
      ends.env.settle();
      expect(connection.send(keepalive)).to.equal(true);
      connection.end();
      expect(connection.send(keepalive)).to.equal(false);
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive]);
    });

    it('throws for a message that cannot travel and goes on with the others', () => {
      const client = ends.dialled();
      const { connection } = client;
      const big: Message = { kind: 'command', correlation: 1, envelope: Buffer.alloc(LIMITS.frame_bytes_max) };
      const odd: Message = { kind: 'admin', correlation: 1, deadline_ms: 1, word: 'x', argument: 1n };
      expect(() => connection?.send(big))
        .to.throw(ConcordError)
        .with.property('code', 'FRAME_TOO_BIG');
      expect(() => connection?.send(odd))
        .to.throw(ConcordError)
        .with.property('code', 'INVALID');
      connection?.send(keepalive);
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive]);
    });
  });

  describe('backpressure', () => {
    const large: Message = { kind: 'answer', correlation: 1, value: Buffer.alloc(1_000_000) };

    it('stops reading requests of a client that does not read replies, and goes on when it does', () => {
      const end = ends.raw('client');
      end.socket.pause();
      for (let i = 0; i <= LIMITS.outgoing_bytes_pause / 1_000_000; i++) ends.server.connection?.send(large);
      ends.env.settle();
      expect(ends.server.connection?.waiting).to.be.above(LIMITS.outgoing_bytes_pause);
      end.send(keepalive);
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([]);
      end.socket.resume();
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive]);
      expect(ends.server.connection?.waiting).to.equal(0);
    });

    it('never stops reading replies or peers: both ends could wait for each other', () => {
      const requests: Message = { kind: 'command', correlation: 1, envelope: Buffer.alloc(1_000_000) };
      const entries: Message = { kind: 'append', ...raftFields, runs: [Buffer.alloc(1_000_000)] };
      for (const [role, sent, back] of [
        ['client', requests, answer],
        ['peer', entries, vote],
      ] as const) {
        const owner = ends.dialled(role);
        ends.serverSocket?.pause();
        for (let i = 0; i <= LIMITS.outgoing_bytes_pause / 1_000_000; i++) owner.connection?.send(sent);
        ends.env.settle();
        expect(owner.connection?.waiting).to.be.above(LIMITS.outgoing_bytes_pause);
        ends.server.connection?.send(back);
        ends.env.settle();
        expect(owner.messages).to.deep.equal([back]);
      }
    });

    it('cuts a connection for which too much waits', () => {
      const end = ends.raw('client');
      end.socket.pause();
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) {
        ends.server.connection?.send(large);
        if (i % 10 === 0) ends.env.settle();
      }
      ends.env.settle();
      expect(ends.server.reason?.by).to.equal('us');
      expect(ends.server.reason?.error?.code).to.equal('TOO_SLOW');
      expect(ends.server.reasons).to.have.length(1);
      expect(end.closed).to.equal(true);
    });

    it('cuts it also when all of it is sent in one turn', () => {
      ends.raw('client');
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) ends.server.connection?.send(large);
      ends.env.settle();
      expect(ends.server.reason?.error?.code).to.equal('TOO_SLOW');
    });

    it('cuts it also when its owner never flushes', () => {
      const owner = Object.assign(new Owner(), { dirty() {} });
      const connection = dial(ends.env, ADDRESS, hello(), owner);
      ends.env.settle();
      connection.flush();
      ends.env.settle();
      const request: Message = { kind: 'command', correlation: 1, envelope: Buffer.alloc(1_000_000) };
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) connection.send(request);
      ends.env.settle();
      expect(owner.reason?.error?.code).to.equal('TOO_SLOW');
    });

    it('lets its owner stop reading and go on', () => {
      const end = ends.raw('client');
      ends.server.connection?.pause();
      end.send(keepalive);
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([]);
      ends.server.connection?.resume();
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive]);
    });
  });
});

const raftFields = { group: 's0', term: 1, previousIndex: 0, previousTerm: 0, commit: 0 };
