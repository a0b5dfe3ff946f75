/** A node's client connections: read no faster than they are answered, and no answer that cannot be sent ends anything else. */
import { expect } from 'chai';
import { type ClientConnection, Clients } from '../../node/network/clients.js';
import { encode } from '../../protocol/codec.js';
import { accept, type Connection, dial } from '../../protocol/connection.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Message, MessageOf } from '../../protocol/messages.js';
import { ADDRESS, hello, welcome } from './greetings.js';
import { Loopback } from './loopback.js';

describe('client connections of a node', () => {
  let world: Loopback;
  let clients: Clients;
  let client: ClientConnection;
  let far: Connection;
  /** Correlations of requests as they came in, and messages as the client got them. */
  let asked: number[];
  let heard: Message[];

  beforeEach(() => {
    world = new Loopback();
    clients = new Clients();
    asked = [];
    heard = [];
    world.network.listen(
      ADDRESS,
      (socket) =>
        accept(
          socket,
          world.scheduler,
          { judge: () => welcome() },
          {
            ready: (connection, said) => {
              client = clients.add(connection, said.id);
            },
            message: (connection, message) => {
              clients.get(connection)?.begin();
              asked.push((message as MessageOf<'keepalive'>).correlation);
            },
            close: (connection) => void clients.remove(connection),
          },
        ),
      () => {},
    );
    far = dial(world, ADDRESS, hello(), {
      ready() {},
      message: (_, message) => heard.push(message),
      close() {},
    });
    world.settle();
  });

  /** The client asks so many things, as chunks of a few. */
  function ask(count: number): void {
    for (let i = 0; i < count; i++) {
      far.send({ kind: 'keepalive', correlation: i, session: 1 });
      if (i % 100 === 99) world.settle();
    }
    world.settle();
  }

  function answer(count: number): void {
    for (let i = 0; i < count; i++) client.answer({ kind: 'answer', correlation: i, value: true });
    world.settle();
  }

  it('have a name, and are known until they close', () => {
    expect([client.name, clients.size]).to.deep.equal(['tester', 1]);
    far.end();
    world.settle();
    expect(clients.size).to.equal(0);
  });

  it('are read while their requests are answered, however many they are', () => {
    for (let round = 0; round < 5; round++) {
      ask(LIMITS.requests_max - 1);
      expect(client.underWay).to.equal(LIMITS.requests_max - 1);
      answer(LIMITS.requests_max - 1);
      expect([asked.length, client.underWay]).to.deep.equal([(round + 1) * (LIMITS.requests_max - 1), 0]);
    }
  });

  it('are not read beyond the limit of requests under way', () => {
    ask(4 * LIMITS.requests_max);
    expect(asked.length).to.be.within(LIMITS.requests_max, LIMITS.requests_max + 100);
  });

  it('are read again when half of them is answered, not for one, and nothing is lost', () => {
    ask(4 * LIMITS.requests_max);
    const before = asked.length;
    answer(100);
    expect(asked).to.have.length(before);
    answer(LIMITS.requests_max / 2);
    expect(asked.length).to.be.above(before);
    for (let round = 0; round < 20; round++) answer(client.underWay);
    expect(asked).to.deep.equal(Array.from({ length: 4 * LIMITS.requests_max }, (_, i) => i));
  });

  it('get pushes besides, which answer no request', () => {
    ask(3);
    client.push({ kind: 'outcome', group: 's0', session: 1, lane: 1, term: 1, index: 1, ok: true, result: encode(1) });
    world.settle();
    expect(client.underWay).to.equal(3);
    expect(heard.at(-1)?.kind).to.equal('outcome');
  });

  it('get a failure in place of an answer that is too big for a frame, and go on', () => {
    ask(2);
    client.answer({ kind: 'answer', correlation: 0, value: Buffer.alloc(LIMITS.frame_bytes_max) });
    client.answer({ kind: 'answer', correlation: 1, value: 'small' });
    world.settle();
    expect(heard).to.have.length(2);
    expect(heard[0]).to.deep.include({ kind: 'failure', correlation: 0, code: 'FRAME_TOO_BIG' });
    expect(heard[1]).to.deep.equal({ kind: 'answer', correlation: 1, value: 'small' });
    expect(client.underWay).to.equal(0);
  });

  it('are not told that a command did not happen when only its reply was too big', () => {
    const result = Buffer.alloc(LIMITS.frame_bytes_max);
    const place = { group: 's0', term: 1, index: 1, ok: true, result };
    client.answer({ kind: 'reply', correlation: 0, ...place });
    world.settle();
    expect(heard[0]).to.deep.include({ kind: 'failure', code: 'FRAME_TOO_BIG', definite: false });
  });

  it('that are closed take answers and pushes in silence', () => {
    ask(1);
    far.destroy();
    world.settle();
    client.answer({ kind: 'answer', correlation: 0, value: true });
    client.push({ kind: 'status', sequence: 1, whole: true, state: {} });
    world.settle();
    expect(heard).to.deep.equal([]);
  });
});
