/** The end of a connection: told once to both sides, with its reason, whenever and by whomever it is brought about. */
import { expect } from 'chai';
import { accept, dial } from '../../protocol/connection.js';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { MESSAGES } from '../../protocol/messages.js';
import { answer, Ends, keepalive, Owner, vote } from './connection-ends.js';
import { ADDRESS, hello, welcome } from './greetings.js';

describe('connection', () => {
  let ends: Ends;

  beforeEach(() => {
    ends = new Ends();
  });

  describe('the end', () => {
    it('is told once to both sides, after what was sent', () => {
      const client = ends.dialled();
      client.connection?.send(keepalive);
      client.connection?.end();
      client.connection?.end();
      client.connection?.destroy();
      ends.env.settle();
      expect(ends.server.events.at(-1)).to.equal('close');
      expect(ends.server.reason).to.deep.include({ by: 'network', error: null });
      expect(client.events).to.deep.equal(['ready', 'close']);
      expect(client.reason?.by).to.equal('us');
    });

    it('sends what was sent before it', () => {
      const client = ends.dialled();
      client.connection?.send(keepalive);
      client.connection?.end();
      ends.env.settle();
      expect(ends.server.messages).to.deep.equal([keepalive]);
    });

    it('comes at once by destroy, with the error it was given', () => {
      const client = ends.dialled();
      client.connection?.destroy(new ConcordError('STOPPING'));
      ends.env.settle();
      expect(client.reason?.error?.code).to.equal('STOPPING');
      expect(ends.server.events).to.deep.equal(['ready', 'close']);
    });

    it('comes although the other side never closes its own', () => {
      const end = ends.raw('client');
      end.socket.pause();
      ends.server.connection?.refuse('STOPPING');
      ends.env.pass(LIMITS.linger_ms_max - 1);
      expect(ends.server.events).to.deep.equal(['ready']);
      ends.env.pass(1);
      expect(ends.server.events).to.deep.equal(['ready', 'close']);
      expect(ends.server.reason?.error?.code).to.equal('STOPPING');
    });

    it('is seen by a side that had stopped reading', () => {
      const end = ends.raw('client');
      end.socket.pause();
      ends.server.connection?.pause();
      ends.server.connection?.refuse('STOPPING');
      end.socket.end();
      ends.env.settle();
      expect(ends.server.events).to.deep.equal(['ready', 'close']);
    });

    it('comes instead of ready when the hello makes the owner close', () => {
      const owner = new Owner();
      ends.env.network.listen(
        'strict:1',
        (socket) =>
          accept(
            socket,
            ends.env.scheduler,
            {
              judge(_hello, connection) {
                connection.destroy();
                return welcome();
              },
            },
            owner,
          ),
        () => {},
      );
      dial(ends.env, 'strict:1', hello(), new Owner());
      ends.env.settle();
      expect(owner.events).to.deep.equal(['close']);
    });

    it('keeps the first reason', () => {
      const end = ends.raw('client');
      end.send(vote);
      ends.env.settle();
      ends.server.connection?.refuse('STOPPING');
      ends.server.connection?.destroy();
      ends.env.pass(LIMITS.linger_ms_max);
      expect(ends.server.reasons.map((reason) => reason.error?.code)).to.deep.equal([
        'NOT_ALLOWED' satisfies ErrorCode,
      ]);
    });

    it('comes when it is asked for before the connection is up, from within ready and from within message', () => {
      const early = new Owner();
      dial(ends.env, ADDRESS, hello(), early).end();
      ends.env.settle();
      expect([early.events, ends.server.events]).to.deep.equal([['close'], []]);
      const atReady = new Owner();
      atReady.ready = (connection) => connection.end();
      dial(ends.env, ADDRESS, hello(), atReady);
      const atMessage = new Owner();
      atMessage.message = (connection) => connection.destroy();
      ends.server.ready = (connection) => {
        connection.send(answer);
        connection.send(answer);
      };
      dial(ends.env, ADDRESS, hello(), atMessage);
      ends.env.settle();
      for (const owner of [early, atReady, atMessage]) expect(owner.reasons).to.have.length(1);
    });

    it('tells a refusal whose code is not known as it came', () => {
      const end = ends.raw('client');
      end.send([MESSAGES.refused.number, 'FUTURE_CODE', 'who knows', null]);
      ends.env.settle();
      expect(ends.server.reason?.by).to.equal('them');
      expect(ends.server.reason?.message).to.include('FUTURE_CODE: who knows');
    });

    it('refuses with any text', () => {
      const end = ends.raw('client');
      ends.server.connection?.refuse('STOPPING', '\ud83d'.repeat(5000));
      ends.env.settle();
      expect(end.refusal).to.equal('STOPPING');
      expect(end.received.at(-1)).to.have.property('message').with.length(LIMITS.message_length_max);
    });
  });
});
