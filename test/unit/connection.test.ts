/** A connection: hello both ways, who may send what, one write a turn, backpressure, and an end that is told once, whatever comes. */
import { expect } from 'chai';
import fc from 'fast-check';
import { encode } from '../../protocol/codec.js';
import { accept, type CloseReason, type Connection, type ConnectionHandlers, dial } from '../../protocol/connection.js';
import type { Env, Listener, Socket } from '../../protocol/env.js';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { FrameDecoder, FrameWriter } from '../../protocol/frame.js';
import { LIMITS } from '../../protocol/limits.js';
import { MESSAGES, type Message, type MessageOf, toArray } from '../../protocol/messages.js';
import { realEnv } from '../../protocol/tcp.js';
import { decodeMessage } from '../../protocol/wire.js';
import { Loopback } from './loopback.js';
import { anyMessage } from './values.js';

const ADDRESS = 'n1:7101';

const hello = (change: Partial<MessageOf<'hello'>> = {}): MessageOf<'hello'> => ({
  kind: 'hello',
  protocol: 1,
  cluster: '',
  role: 'client',
  id: 'tester',
  incarnation: '',
  born: false,
  address: '',
  features: [],
  auth: Buffer.alloc(0),
  recorded: '',
  ...change,
});

const welcome: MessageOf<'welcome'> = {
  kind: 'welcome',
  protocol: 1,
  cluster: 'test',
  id: 'n1',
  incarnation: 'i1',
  born: true,
  address: ADDRESS,
  features: [],
  frame_bytes_max: LIMITS.frame_bytes_max,
  recorded: '',
};

const keepalive: Message = { kind: 'keepalive', correlation: 7, session: 42 };
const answer: Message = { kind: 'answer', correlation: 7, value: true };
const vote: Message = { kind: 'timeout_now', group: 's0', term: 3 };

/** An owner that writes down what its connection tells. */
class Owner implements ConnectionHandlers {
  readonly events: string[] = [];
  readonly messages: Message[] = [];
  readonly reasons: CloseReason[] = [];
  connection: Connection | undefined;
  greeting: Message | undefined;

  ready(connection: Connection, greeting: Message): void {
    this.connection = connection;
    this.greeting = greeting;
    this.events.push('ready');
  }
  message(_connection: Connection, message: Message): void {
    this.events.push(message.kind);
    this.messages.push(message);
  }
  close(_connection: Connection, reason: CloseReason): void {
    this.events.push('close');
    this.reasons.push(reason);
  }
  get reason(): CloseReason | undefined {
    return this.reasons[0];
  }
}

/** The other end as a program of whoever: it sends any bytes and takes frames apart. */
class Raw {
  readonly received: Message[] = [];
  readonly chunks: Buffer[] = [];
  closed = false;
  readonly socket: Socket;
  private readonly decoder = new FrameDecoder(LIMITS.frame_bytes_max);

  constructor(env: Env) {
    this.socket = env.network.connect(ADDRESS, {
      open() {},
      data: (chunk) => {
        this.chunks.push(chunk);
        this.decoder.push(chunk, (body) => this.received.push(decodeMessage(body)));
      },
      drain() {},
      close: () => {
        this.closed = true;
      },
    });
  }

  /** Sends arrays or messages, each as a frame, all in one write. */
  send(...values: (Message | readonly unknown[])[]): void {
    const writer = new FrameWriter();
    for (const value of values) writer.add(encode('kind' in value ? toArray(value) : value));
    const bytes = writer.take();
    if (bytes !== null) this.socket.write(bytes);
  }

  /** The code with which it was refused. */
  get refusal(): string | undefined {
    const last = this.received.at(-1);
    return last?.kind === 'refused' ? last.code : undefined;
  }
}

describe('connection', () => {
  let env: Loopback;
  let server: Owner;
  let serverSocket: Socket | undefined;
  let judge: (hello: MessageOf<'hello'>) => MessageOf<'welcome'> | ConcordError;

  beforeEach(() => {
    env = new Loopback();
    server = new Owner();
    judge = () => welcome;
    env.network.listen(
      ADDRESS,
      (socket) => {
        serverSocket = socket;
        return accept(socket, env.scheduler, { judge: (said) => judge(said) }, server);
      },
      () => {},
    );
    env.settle();
  });

  /** Dials as the given role and lets hello happen. */
  function dialled(role: 'client' | 'peer' = 'client'): Owner {
    const owner = new Owner();
    owner.connection = dial(env, ADDRESS, hello({ role }), owner);
    env.settle();
    return owner;
  }

  function raw(role?: 'client' | 'peer'): Raw {
    const end = new Raw(env);
    env.settle();
    if (role !== undefined) {
      end.send(hello({ role }));
      env.settle();
    }
    return end;
  }

  describe('hello', () => {
    it('is said by the side that connects and answered by the other', () => {
      const client = dialled();
      expect(client.greeting).to.deep.equal(welcome);
      expect(server.greeting).to.deep.equal(hello());
      expect([client.events, server.events]).to.deep.equal([['ready'], ['ready']]);
      expect(client.connection?.open).to.equal(true);
    });

    it('can be refused with a code and details, and the refused side hears them', () => {
      judge = () => new ConcordError('WRONG_CLUSTER', 'this is another', { details: { cluster: 'other' } });
      const client = dialled();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.by).to.equal('them');
      expect(client.reason?.error).to.include({ code: 'WRONG_CLUSTER', message: 'this is another' });
      expect(client.reason?.error?.details).to.deep.equal({ cluster: 'other' });
      expect(server.events).to.deep.equal(['close']);
      expect(server.reason).to.deep.include({ by: 'us' });
    });

    it('has to come first', () => {
      const end = raw();
      end.send(keepalive);
      env.settle();
      expect(end.refusal).to.equal('HELLO_EXPECTED');
      expect(end.closed).to.equal(true);
      expect(server.events).to.deep.equal(['close']);
    });

    it('has to come in time', () => {
      const end = raw();
      env.pass(LIMITS.hello_ms_max - 1);
      expect(end.closed).to.equal(false);
      env.pass(1);
      expect(end.refusal).to.equal('HELLO_EXPECTED');
      expect(server.events).to.deep.equal(['close']);
    });

    it('leaves no timer behind', () => {
      const client = dialled();
      env.pass(10 * LIMITS.hello_ms_max);
      expect(client.events).to.deep.equal(['ready']);
      expect(server.events).to.deep.equal(['ready']);
    });

    it('of another version is told apart, whatever else that version says', () => {
      const end = raw();
      end.send([MESSAGES.hello.number, 2, 'new things', {}]);
      env.settle();
      expect(end.refusal).to.equal('VERSION');
    });

    it('of another version is told apart by the side that connects too', () => {
      judge = () => ({ ...welcome, protocol: 2 });
      const client = dialled();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.error?.code).to.equal('VERSION');
      expect(server.reason?.error?.code).to.equal('VERSION');
    });

    it('with a role there is not, a wrong field or no message at all is refused', () => {
      const bad: (Message | readonly unknown[])[] = [
        hello({ role: 'king' }),
        [1, 1, 5],
        [99],
        toArray(hello()).slice(0, 5),
      ];
      for (const first of bad) {
        const end = raw();
        end.send(first);
        env.settle();
        expect(end.refusal, JSON.stringify(first)).to.equal('BAD_MESSAGE');
        expect(end.closed).to.equal(true);
      }
    });

    it('may not be larger than its own limit, by the length alone', () => {
      const end = raw();
      end.socket.write(Buffer.from([0, 0, 0x10, 0x01]));
      env.settle();
      expect(end.refusal).to.equal('BAD_FRAME');
    });

    it('of a program that speaks another protocol is refused at once', () => {
      const end = raw();
      end.socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
      env.settle();
      expect(end.refusal).to.equal('BAD_FRAME');
      expect(end.closed).to.equal(true);
    });

    it('is said once', () => {
      const end = raw('client');
      end.send(hello());
      env.settle();
      expect(end.refusal).to.equal('NOT_ALLOWED');
    });

    it('may be followed by messages in the same write, larger than a hello may be', () => {
      const end = raw();
      end.send(hello(), { kind: 'command', correlation: 1, envelope: Buffer.alloc(50_000) }, keepalive);
      env.settle();
      expect(server.events).to.deep.equal(['ready', 'command', 'keepalive']);
    });

    it('that is never answered ends the attempt', () => {
      env.network.listen(
        'silent:1',
        () => ({ open() {}, data() {}, drain() {}, close() {} }),
        () => {},
      );
      const client = new Owner();
      dial(env, 'silent:1', hello(), client);
      env.pass(LIMITS.hello_ms_max);
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason?.error?.code).to.equal('UNREACHABLE');
    });

    it('needs somebody who listens', () => {
      const client = new Owner();
      dial(env, 'nobody:1', hello(), client);
      env.settle();
      expect(client.events).to.deep.equal(['close']);
      expect(client.reason).to.deep.include({ by: 'network', error: null });
    });
  });

  describe('who may send what', () => {
    it('lets a client and a node send theirs, and peers theirs both ways', () => {
      const client = dialled();
      client.connection?.send(keepalive);
      server.connection?.send(answer);
      env.settle();
      expect([client.messages, server.messages]).to.deep.equal([[answer], [keepalive]]);
      const peer = dialled('peer');
      peer.connection?.send(vote);
      server.connection?.send(vote);
      env.settle();
      expect(peer.messages).to.deep.equal([vote]);
      expect(server.messages).to.deep.equal([keepalive, vote]);
    });

    it('refuses every message of another sender, and its owner never sees it', () => {
      const roles = fc.constantFrom<'client' | 'peer'>('client', 'peer');
      fc.assert(
        fc.property(roles, anyMessage, (role, message) => {
          const { sender } = MESSAGES[message.kind];
          fc.pre(sender !== role && !['ping', 'pong', 'refused'].includes(message.kind));
          server.messages.length = 0;
          const end = raw(role);
          end.send(message, keepalive);
          env.settle();
          expect(end.refusal).to.equal('NOT_ALLOWED');
          expect(end.closed).to.equal(true);
          expect(server.messages).to.deep.equal([]);
        }),
      );
    });

    it('refuses what a node may not send to a client', () => {
      const client = dialled();
      server.connection?.send(keepalive);
      env.settle();
      expect(client.events).to.deep.equal(['ready', 'close']);
      expect(server.reason?.by).to.equal('them');
      expect(server.reason?.error?.code).to.equal('NOT_ALLOWED');
    });

    it('answers a ping by itself and hands on the pong', () => {
      const client = dialled();
      client.connection?.send({ kind: 'ping', correlation: 9 });
      env.settle();
      expect(server.messages).to.deep.equal([]);
      expect(client.messages).to.deep.equal([{ kind: 'pong', correlation: 9 }]);
    });
  });

  describe('any bytes', () => {
    it('end in messages or in a closed connection, before hello and after', () => {
      const garbage = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 });
      fc.assert(
        fc.property(garbage, fc.boolean(), fc.boolean(), (pieces, framed, greeted) => {
          const owner = new Owner();
          server = owner;
          const end = raw(greeted ? 'client' : undefined);
          for (const piece of pieces) {
            const head = Buffer.from([0, 0, 0, piece.length]);
            end.socket.write(framed ? Buffer.concat([head, Buffer.from(piece)]) : Buffer.from(piece));
          }
          env.settle();
          if (framed || owner.events.includes('close')) {
            expect(end.closed).to.equal(true);
            expect(owner.events.filter((event) => event === 'close')).to.have.length(1);
            expect(['BAD_FRAME', 'FRAME_TOO_BIG', 'BAD_MESSAGE', 'HELLO_EXPECTED']).to.include(end.refusal);
          }
          end.socket.destroy();
          env.settle();
          expect(owner.events.at(-1)).to.equal('close');
          expect(owner.reasons).to.have.length(1);
        }),
        { numRuns: 300 },
      );
    });

    it('byte by byte make the same messages', () => {
      const end = raw();
      const writer = new FrameWriter();
      for (const message of [hello(), keepalive, keepalive]) writer.add(encode(toArray(message)));
      for (const byte of writer.take() ?? []) end.socket.write(Buffer.from([byte]));
      env.settle();
      expect(server.messages).to.deep.equal([keepalive, keepalive]);
    });

    it('after a refusal are not even read', () => {
      const end = raw('client');
      end.send(vote, keepalive, keepalive);
      env.settle();
      expect(server.events).to.deep.equal(['ready', 'close']);
    });

    it('that claim a frame over the limit are refused as too big', () => {
      const end = raw('client');
      end.socket.write(Buffer.from([0, 0x10, 0, 1]));
      env.settle();
      expect(end.refusal).to.equal('FRAME_TOO_BIG');
    });

    it('that are a bomb are refused by the guard', () => {
      const end = raw('client');
      const bomb = Buffer.alloc(4 + (256 << 10), 0x9f);
      bomb.writeUInt32BE(256 << 10);
      end.socket.write(bomb);
      env.settle();
      expect(end.refusal).to.equal('BAD_MESSAGE');
    });

    it('do not hide a mistake of the owner', () => {
      server.message = () => {
        throw new TypeError('a mistake of the owner');
      };
      const end = raw('client');
      end.send(keepalive);
      expect(() => env.settle()).to.throw(TypeError, 'a mistake of the owner');
    });
  });

  describe('writing', () => {
    it('puts all messages of a turn into one write', () => {
      const end = raw('client');
      end.chunks.length = 0;
      for (let i = 0; i < 100; i++) server.connection?.send(answer);
      env.settle();
      expect(end.chunks).to.have.length(1);
      expect(end.received.filter((message) => message.kind === 'answer')).to.have.length(100);
    });

    it('waits for flush when its owner has turns of its own, told once that there is something', () => {
      let dirty = 0;
      const owner = Object.assign(new Owner(), { dirty: () => dirty++ });
      const connection = dial(env, ADDRESS, hello(), owner);
      env.settle();
      expect(dirty).to.equal(1);
      expect(server.events).to.deep.equal([]);
      connection.flush();
      env.settle();
      connection.send(keepalive);
      connection.send(keepalive);
      env.settle();
      expect(dirty).to.equal(2);
      expect(server.messages).to.deep.equal([]);
      connection.flush();
      env.settle();
      expect(server.messages).to.have.length(2);
      connection.flush();
      expect(dirty).to.equal(2);
    });

    it('sends nothing before ready and after the end, and says so', () => {
      const owner = new Owner();
      const connection = dial(env, ADDRESS, hello(), owner);
      expect(connection.send(keepalive)).to.equal(false);
      env.settle();
      expect(connection.send(keepalive)).to.equal(true);
      connection.end();
      expect(connection.send(keepalive)).to.equal(false);
      env.settle();
      expect(server.messages).to.deep.equal([keepalive]);
    });

    it('throws for a message that cannot travel and goes on with the others', () => {
      const client = dialled();
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
      env.settle();
      expect(server.messages).to.deep.equal([keepalive]);
    });
  });

  describe('backpressure', () => {
    const large: Message = { kind: 'answer', correlation: 1, value: Buffer.alloc(1_000_000) };

    it('stops reading requests of a client that does not read replies, and goes on when it does', () => {
      const end = raw('client');
      end.socket.pause();
      for (let i = 0; i <= LIMITS.outgoing_bytes_pause / 1_000_000; i++) server.connection?.send(large);
      env.settle();
      expect(server.connection?.waiting).to.be.above(LIMITS.outgoing_bytes_pause);
      end.send(keepalive);
      env.settle();
      expect(server.messages).to.deep.equal([]);
      end.socket.resume();
      env.settle();
      expect(server.messages).to.deep.equal([keepalive]);
      expect(server.connection?.waiting).to.equal(0);
    });

    it('never stops reading replies or peers: both ends could wait for each other', () => {
      const requests: Message = { kind: 'command', correlation: 1, envelope: Buffer.alloc(1_000_000) };
      const entries: Message = { kind: 'append', ...raftFields, runs: [Buffer.alloc(1_000_000)] };
      for (const [role, sent, back] of [
        ['client', requests, answer],
        ['peer', entries, vote],
      ] as const) {
        const owner = dialled(role);
        serverSocket?.pause();
        for (let i = 0; i <= LIMITS.outgoing_bytes_pause / 1_000_000; i++) owner.connection?.send(sent);
        env.settle();
        expect(owner.connection?.waiting).to.be.above(LIMITS.outgoing_bytes_pause);
        server.connection?.send(back);
        env.settle();
        expect(owner.messages).to.deep.equal([back]);
      }
    });

    it('cuts a connection for which too much waits', () => {
      const end = raw('client');
      end.socket.pause();
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) {
        server.connection?.send(large);
        if (i % 10 === 0) env.settle();
      }
      env.settle();
      expect(server.reason?.by).to.equal('us');
      expect(server.reason?.error?.code).to.equal('TOO_SLOW');
      expect(server.reasons).to.have.length(1);
      expect(end.closed).to.equal(true);
    });

    it('cuts it also when all of it is sent in one turn', () => {
      raw('client');
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) server.connection?.send(large);
      env.settle();
      expect(server.reason?.error?.code).to.equal('TOO_SLOW');
    });

    it('cuts it also when its owner never flushes', () => {
      const owner = Object.assign(new Owner(), { dirty() {} });
      const connection = dial(env, ADDRESS, hello(), owner);
      env.settle();
      connection.flush();
      env.settle();
      const request: Message = { kind: 'command', correlation: 1, envelope: Buffer.alloc(1_000_000) };
      for (let i = 0; i <= LIMITS.outgoing_bytes_max / 1_000_000; i++) connection.send(request);
      env.settle();
      expect(owner.reason?.error?.code).to.equal('TOO_SLOW');
    });

    it('lets its owner stop reading and go on', () => {
      const end = raw('client');
      server.connection?.pause();
      end.send(keepalive);
      env.settle();
      expect(server.messages).to.deep.equal([]);
      server.connection?.resume();
      env.settle();
      expect(server.messages).to.deep.equal([keepalive]);
    });
  });

  describe('the end', () => {
    it('is told once to both sides, after what was sent', () => {
      const client = dialled();
      client.connection?.send(keepalive);
      client.connection?.end();
      client.connection?.end();
      client.connection?.destroy();
      env.settle();
      expect(server.events.at(-1)).to.equal('close');
      expect(server.reason).to.deep.include({ by: 'network', error: null });
      expect(client.events).to.deep.equal(['ready', 'close']);
      expect(client.reason?.by).to.equal('us');
    });

    it('sends what was sent before it', () => {
      const client = dialled();
      client.connection?.send(keepalive);
      client.connection?.end();
      env.settle();
      expect(server.messages).to.deep.equal([keepalive]);
    });

    it('comes at once by destroy, with the error it was given', () => {
      const client = dialled();
      client.connection?.destroy(new ConcordError('STOPPING'));
      env.settle();
      expect(client.reason?.error?.code).to.equal('STOPPING');
      expect(server.events).to.deep.equal(['ready', 'close']);
    });

    it('comes although the other side never closes its own', () => {
      const end = raw('client');
      end.socket.pause();
      server.connection?.refuse('STOPPING');
      env.pass(LIMITS.linger_ms_max - 1);
      expect(server.events).to.deep.equal(['ready']);
      env.pass(1);
      expect(server.events).to.deep.equal(['ready', 'close']);
      expect(server.reason?.error?.code).to.equal('STOPPING');
    });

    it('is seen by a side that had stopped reading', () => {
      const end = raw('client');
      end.socket.pause();
      server.connection?.pause();
      server.connection?.refuse('STOPPING');
      end.socket.end();
      env.settle();
      expect(server.events).to.deep.equal(['ready', 'close']);
    });

    it('comes instead of ready when the hello makes the owner close', () => {
      const owner = new Owner();
      env.network.listen(
        'strict:1',
        (socket) =>
          accept(
            socket,
            env.scheduler,
            {
              judge(_hello, connection) {
                connection.destroy();
                return welcome;
              },
            },
            owner,
          ),
        () => {},
      );
      dial(env, 'strict:1', hello(), new Owner());
      env.settle();
      expect(owner.events).to.deep.equal(['close']);
    });

    it('keeps the first reason', () => {
      const end = raw('client');
      end.send(vote);
      env.settle();
      server.connection?.refuse('STOPPING');
      server.connection?.destroy();
      env.pass(LIMITS.linger_ms_max);
      expect(server.reasons.map((reason) => reason.error?.code)).to.deep.equal(['NOT_ALLOWED' satisfies ErrorCode]);
    });

    it('comes when it is asked for before the connection is up, from within ready and from within message', () => {
      const early = new Owner();
      dial(env, ADDRESS, hello(), early).end();
      env.settle();
      expect([early.events, server.events]).to.deep.equal([['close'], []]);
      const atReady = new Owner();
      atReady.ready = (connection) => connection.end();
      dial(env, ADDRESS, hello(), atReady);
      const atMessage = new Owner();
      atMessage.message = (connection) => connection.destroy();
      server.ready = (connection) => {
        connection.send(answer);
        connection.send(answer);
      };
      dial(env, ADDRESS, hello(), atMessage);
      env.settle();
      for (const owner of [early, atReady, atMessage]) expect(owner.reasons).to.have.length(1);
    });

    it('tells a refusal whose code is not known as it came', () => {
      const end = raw('client');
      end.send([MESSAGES.refused.number, 'FUTURE_CODE', 'who knows', null]);
      env.settle();
      expect(server.reason?.by).to.equal('them');
      expect(server.reason?.message).to.include('FUTURE_CODE: who knows');
    });

    it('refuses with any text', () => {
      const end = raw('client');
      server.connection?.refuse('STOPPING', '\ud83d'.repeat(5000));
      env.settle();
      expect(end.refusal).to.equal('STOPPING');
      expect(end.received.at(-1)).to.have.property('message').with.length(LIMITS.message_length_max);
    });
  });
});

describe('connection over real TCP', () => {
  const env = realEnv();
  let address: string;
  let listener: Listener | null;
  let server: Owner;

  beforeEach(async () => {
    server = new Owner();
    await new Promise<void>((resolve, reject) => {
      env.network.listen(
        '127.0.0.1:0',
        (socket) => accept(socket, env.scheduler, { judge: () => welcome }, server),
        (error, listening) => {
          listener = listening;
          address = listening?.address ?? '';
          if (error) reject(error);
          else resolve();
        },
      );
    });
  });
  afterEach(() => listener?.close(() => {}));

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  it('carries many messages of any size both ways, in order', async () => {
    const client = new Owner();
    const connection = dial(env, address, hello(), client);
    await until(() => connection.open);
    const sizes = [0, 1, 300, 70_000, 1_000_000];
    for (let i = 0; i < 200; i++) {
      const body = Buffer.alloc(sizes[i % 50] ?? i, i);
      connection.send({ kind: 'command', correlation: i, envelope: body });
      server.connection?.send({ kind: 'answer', correlation: i, value: body });
    }
    await until(() => server.messages.length === 200 && client.messages.length === 200);
    expect(server.messages.map((message) => 'correlation' in message && message.correlation)).to.deep.equal(
      Array.from({ length: 200 }, (_, i) => i),
    );
    connection.end();
    await until(() => server.reasons.length === 1 && client.reasons.length === 1);
  });

  it('lets a refusal arrive although the other side goes on sending', async () => {
    let received = Buffer.alloc(0);
    let closed = false;
    const socket = env.network.connect(address, {
      open() {
        socket.write(Buffer.from('GET / HTTP/1.1\r\n'));
        for (let i = 0; i < 100; i++) socket.write(Buffer.alloc(10_000, 'x'));
      },
      data(chunk) {
        received = Buffer.concat([received, chunk]);
      },
      drain() {},
      close() {
        closed = true;
      },
    });
    await until(() => closed && server.reasons.length === 1);
    expect(decodeMessage(received.subarray(4))).to.include({ kind: 'refused', code: 'BAD_FRAME' });
  });

  it('is told at once when the other side is gone', async () => {
    const client = new Owner();
    const connection = dial(env, address, hello(), client);
    await until(() => server.connection !== undefined);
    server.connection?.destroy();
    await until(() => client.reasons.length === 1);
    expect(client.reason?.by).to.equal('network');
    expect(connection.send(keepalive)).to.equal(false);
  });
});

const raftFields = { group: 's0', term: 1, previousIndex: 0, previousTerm: 0, commit: 0 };
