/** Two ends of a connection for its tests: a listener, owners that write down what they are told, and programs that send any bytes. */
import { encode } from '../../protocol/codec.js';
import { accept, type CloseReason, type Connection, type ConnectionHandlers, dial } from '../../protocol/connection.js';
import type { Env, Socket } from '../../protocol/env.js';
import type { ConcordError } from '../../protocol/errors.js';
import { FrameDecoder, FrameWriter } from '../../protocol/frame.js';
import { LIMITS } from '../../protocol/limits.js';
import { type Message, type MessageOf, toArray } from '../../protocol/messages.js';
import { decodeMessage } from '../../protocol/wire.js';
import { ADDRESS, hello, welcome } from './greetings.js';
import { Loopback } from './loopback.js';

/** A message of a client, of a node, and of a peer. */
export const keepalive: Message = { kind: 'keepalive', correlation: 7, session: 42 };
export const answer: Message = { kind: 'answer', correlation: 7, value: true };
export const vote: Message = { kind: 'timeout_now', group: 's0', term: 3 };

/** An owner that writes down what its connection tells. */
export class Owner implements ConnectionHandlers {
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
export class Raw {
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

/** A node that listens at ADDRESS, and whoever comes to it. */
export class Ends {
  readonly env = new Loopback();
  /** Owner of what is accepted from now on. */
  server = new Owner();
  /** The socket that was accepted last. */
  serverSocket: Socket | undefined;
  judge: (hello: MessageOf<'hello'>) => MessageOf<'welcome'> | ConcordError = () => welcome();

  constructor() {
    this.env.network.listen(
      ADDRESS,
      (socket) => {
        this.serverSocket = socket;
        return accept(socket, this.env.scheduler, { judge: (said) => this.judge(said) }, this.server);
      },
      () => {},
    );
    this.env.settle();
  }

  /** Dials as the given role and lets hello happen. */
  dialled(role: 'client' | 'peer' = 'client'): Owner {
    const owner = new Owner();
    owner.connection = dial(this.env, ADDRESS, hello({ role }), owner);
    this.env.settle();
    return owner;
  }

  /** Another program at the other end; with a role it has said hello. */
  raw(role?: 'client' | 'peer'): Raw {
    const end = new Raw(this.env);
    this.env.settle();
    if (role !== undefined) {
      end.send(hello({ role }));
      this.env.settle();
    }
    return end;
  }
}
