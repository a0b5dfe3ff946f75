/** A connection begins with a hello and its answer: in time, once, of the right version, or it is refused. */
import { expect } from 'chai';
import { dial } from '../../protocol/connection.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { MESSAGES, type Message, toArray } from '../../protocol/messages.js';
import { Ends, keepalive, Owner } from './connection-ends.js';
import { hello, welcome } from './greetings.js';

describe('connection', () => {
  let ends: Ends;

  beforeEach(() => {
    ends = new Ends();
  });

  describe('hello', () => {
    it('is said by the side that connects and answered by the other', () => {
      const client = ends.dialled();
      expect(client.greeting).to.deep.equal(welcome());
      expect(ends.server.greeting).to.deep.equal(hello());
      expect([client.events, ends.server.events]).to.deep.equal([['ready'], ['ready']]);
      expect(client.connection?.open).to.equal(true);
    });

    it('can be refused with a code and details, and the refused side hears them', () => {
      ends.judge = () => new ConcordError('WRONG_CLUSTER', 'this is another', { details: { cluster: 'other' } });
      const client = ends.dialled();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.by).to.equal('them');
      expect(client.reason?.error).to.include({ code: 'WRONG_CLUSTER', message: 'this is another' });
      expect(client.reason?.error?.details).to.deep.equal({ cluster: 'other' });
      expect(ends.server.events).to.deep.equal(['close']);
      expect(ends.server.reason).to.deep.include({ by: 'us' });
    });

    it('has to come first', () => {
      const end = ends.raw();
      end.send(keepalive);
      ends.env.settle();
      expect(end.refusal).to.equal('HELLO_EXPECTED');
      expect(end.closed).to.equal(true);
      expect(ends.server.events).to.deep.equal(['close']);
    });

    it('has to come in time', () => {
      const end = ends.raw();
      ends.env.pass(LIMITS.hello_ms_max - 1);
      expect(end.closed).to.equal(false);
      ends.env.pass(1);
      expect(end.refusal).to.equal('HELLO_EXPECTED');
      expect(ends.server.events).to.deep.equal(['close']);
    });

    it('leaves no timer behind', () => {
      const client = ends.dialled();
      ends.env.pass(10 * LIMITS.hello_ms_max);
      expect(client.events).to.deep.equal(['ready']);
      expect(ends.server.events).to.deep.equal(['ready']);
    });

    it('of another version is told apart, whatever else that version says', () => {
      const end = ends.raw();
      end.send([MESSAGES.hello.number, 2, 'new things', {}]);
      ends.env.settle();
      expect(end.refusal).to.equal('VERSION');
    });

    it('of another version is told apart by the side that connects too', () => {
      ends.judge = () => welcome({ protocol: 2 });
      const client = ends.dialled();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.error?.code).to.equal('VERSION');
      expect(ends.server.reason?.error?.code).to.equal('VERSION');
    });

    it('with a role there is not, a wrong field or no message at all is refused', () => {
      const bad: (Message | readonly unknown[])[] = [
        hello({ role: 'king' }),
        [1, 1, 5],
        [99],
        toArray(hello()).slice(0, 5),
      ];
      for (const first of bad) {
        const end = ends.raw();
        end.send(first);
        ends.env.settle();
        expect(end.refusal, JSON.stringify(first)).to.equal('BAD_MESSAGE');
        expect(end.closed).to.equal(true);
      }
    });

    it('may not be larger than its own limit, by the length alone', () => {
      const end = ends.raw();
      end.socket.write(Buffer.from([0, 0, 0x10, 0x01]));
      ends.env.settle();
      expect(end.refusal).to.equal('BAD_FRAME');
    });

    it('of a program that speaks another protocol is refused at once', () => {
      const end = ends.raw();
      end.socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
      ends.env.settle();
      expect(end.refusal).to.equal('BAD_FRAME');
      expect(end.closed).to.equal(true);
    });

    it('is said once', () => {
      const end = ends.raw('client');
      end.send(hello());
      ends.env.settle();
      expect(end.refusal).to.equal('NOT_ALLOWED');
    });

    it('may be followed by messages in the same write, larger than a hello may be', () => {
      const end = ends.raw();
      end.send(hello(), { kind: 'command', correlation: 1, envelope: Buffer.alloc(50_000) }, keepalive);
      ends.env.settle();
      expect(ends.server.events).to.deep.equal(['ready', 'command', 'keepalive']);
    });

    it('that is never answered ends the attempt', () => {
      ends.env.network.listen(
        'silent:1',
        () => ({ open() {}, data() {}, drain() {}, close() {} }),
        () => {},
      );
      const client = new Owner();
      dial(ends.env, 'silent:1', hello(), client);
      ends.env.pass(LIMITS.hello_ms_max);
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.error?.code).to.equal('UNREACHABLE');
    });

    it('needs somebody who listens', () => {
      const client = new Owner();
      dial(ends.env, 'nobody:1', hello(), client);
      ends.env.settle();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason).to.deep.include({ by: 'network', error: null });
    });
  });
});
