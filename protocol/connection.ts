/**
 * One framed connection over a socket, from either end. It says or expects hello, checks every message against the catalogue and
 * against who may send it, answers pings, gathers what is sent into one write, and is closed exactly once. Whatever bytes arrive
 * end in a message or a closed connection.
 */
import { decode } from './codec.js';
import type { Env, Scheduler, Socket, SocketHandlers, Timer } from './env.js';
import { ConcordError, type ErrorCode, type ErrorDetails } from './errors.js';
import { clip } from './fields.js';
import { FrameDecoder, FrameWriter } from './frame.js';
import { mayFollow, readHello, readWelcome, refusalOf } from './hello.js';
import { LIMITS } from './limits.js';
import type { Message, MessageOf, Sender } from './messages.js';
import { addMessage, decodeMessage } from './wire.js';

/** Why a connection closed. */
export interface CloseReason {
  /** This side, the other side by a refusal, or the network: the other side went away or cannot be reached. */
  readonly by: 'us' | 'them' | 'network';
  /** What one side had against the other, or null: then it just ended. */
  readonly error: ConcordError | null;
  /** One line for people. */
  readonly message: string;
}

/** What a connection tells its owner. `G` is the other side's first message: its hello, or its welcome. */
export interface ConnectionHandlers<G extends Message = Message> {
  /** Hello is done: messages may be sent. */
  ready(connection: Connection, greeting: G): void;
  /**
   * A message that the other side may send. Pongs come here too; pings are answered before. Its Buffers are never written to again,
   * but see `decodeMessage` before keeping them.
   */
  message(connection: Connection, message: Message): void;
  /** Exactly once, last, whether `ready` was called or not. */
  close(connection: Connection, reason: CloseReason): void;
  /** Something waits for `flush`. Without it the connection flushes itself, by `Scheduler.defer`. */
  dirty?(connection: Connection): void;
}

/** What has gone over connections, each way: whole frames, and bytes as they came and went. */
export interface Traffic {
  receivedBytes: number;
  receivedFrames: number;
  sentBytes: number;
  sentFrames: number;
}

/** Nothing yet. */
export function noTraffic(): Traffic {
  return { receivedBytes: 0, receivedFrames: 0, sentBytes: 0, sentFrames: 0 };
}

/** Decides about a hello of this version and a known role. */
export interface Doorman {
  judge(hello: MessageOf<'hello'>, connection: Connection): MessageOf<'welcome'> | ConcordError;
}

/** A connection, made by `dial` and `accept`. */
export class Connection {
  readonly #scheduler: Scheduler;
  readonly #owner: Omit<ConnectionHandlers, 'ready'>;
  readonly #decoder = new FrameDecoder(LIMITS.hello_bytes_max);
  readonly #writer = new FrameWriter();
  #socket: Socket | null = null;
  #state: 'connecting' | 'greeting' | 'open' | 'closing' | 'closed' = 'connecting';
  /** Takes the other side's first message, decoded and not checked. */
  #greeted: (first: unknown) => void = () => {};
  /** Whose messages the other side may send. */
  #theirs: Sender = 'both';
  /** Runs until the connection is open and again while it closes. */
  #timer: Timer | null = null;
  #reason: CloseReason | null = null;
  #dirty = false;
  #traffic = noTraffic();
  /** Reading stands still because its owner wants it, or because the other side does not read. */
  #paused = false;
  #congested = false;
  #reading = true;

  private constructor(scheduler: Scheduler, owner: Omit<ConnectionHandlers, 'ready'>) {
    this.#scheduler = scheduler;
    this.#owner = owner;
  }

  /** Connects to `address` and says `hello`, whose role tells what the other side may send. */
  static dial(
    env: Env,
    address: string,
    hello: MessageOf<'hello'>,
    handlers: ConnectionHandlers<MessageOf<'welcome'>>,
  ): Connection {
    const connection = new Connection(env.scheduler, handlers);
    const late = `no welcome within ${LIMITS.hello_ms_max} ms`;
    connection.#timer = env.scheduler.after(LIMITS.hello_ms_max, () =>
      connection.destroy(new ConcordError('UNREACHABLE', late)),
    );
    connection.#greeted = (first) => {
      const answer = readWelcome(first);
      if (answer instanceof ConcordError) connection.refuse(answer.code, answer.message);
      else if (answer.kind === 'refused') connection.#refusedByThem(answer);
      else {
        connection.#start(hello.role === 'client' ? 'node' : 'peer');
        handlers.ready(connection, answer);
      }
    };
    const opened = () => {
      connection.#state = 'greeting';
      connection.#queue(hello);
    };
    connection.#socket = env.network.connect(address, connection.#socketHandlers(opened));
    return connection;
  }

  /** Takes an accepted socket; returns what the network has to call. */
  static accept(
    socket: Socket,
    scheduler: Scheduler,
    doorman: Doorman,
    handlers: ConnectionHandlers<MessageOf<'hello'>>,
  ): SocketHandlers {
    const connection = new Connection(scheduler, handlers);
    const late = `no hello within ${LIMITS.hello_ms_max} ms`;
    connection.#timer = scheduler.after(LIMITS.hello_ms_max, () => connection.refuse('HELLO_EXPECTED', late));
    connection.#greeted = (first) => {
      const hello = readHello(first);
      const answer = hello instanceof ConcordError ? hello : doorman.judge(hello, connection);
      if (connection.#state !== 'greeting') return;
      if (hello instanceof ConcordError || answer instanceof ConcordError) {
        const { code, message, details } = answer as ConcordError;
        connection.refuse(code, message, details);
        return;
      }
      connection.#queue(answer);
      connection.#start(hello.role === 'client' ? 'client' : 'peer');
      handlers.ready(connection, hello);
    };
    connection.#socket = socket;
    connection.#state = 'greeting';
    return connection.#socketHandlers(() => {});
  }

  /** "host:port" of the other end. */
  get remote(): string {
    return this.#socket?.remote ?? '';
  }

  /** True between `ready` and the first reason to close. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** Bytes sent and not yet handed to the operating system. */
  get waiting(): number {
    return this.#writer.bytes + (this.#socket?.buffered() ?? 0);
  }

  /** Counts into `traffic` from here on, maybe together with others. What has been counted goes along. */
  countInto(traffic: Traffic): void {
    const { receivedBytes, receivedFrames, sentBytes, sentFrames } = this.#traffic;
    this.#traffic = traffic;
    traffic.receivedBytes += receivedBytes;
    traffic.receivedFrames += receivedFrames;
    traffic.sentBytes += sentBytes;
    traffic.sentFrames += sentFrames;
  }

  /**
   * Sends a message with the next flush; false when the connection is not open, and then nothing is sent.
   * @throws ConcordError FRAME_TOO_BIG, or INVALID when a field of any value holds what cannot be carried; nothing is sent either
   */
  send(message: Message): boolean {
    if (this.#state !== 'open') return false;
    this.#queue(message);
    return true;
  }

  /** Writes what was sent since the last flush, at once. */
  flush(): void {
    this.#dirty = false;
    const bytes = this.#writer.take();
    const socket = this.#socket;
    if (bytes === null || socket === null || this.#state === 'closed') return;
    this.#traffic.sentBytes += bytes.length;
    socket.write(bytes);
    const waiting = socket.buffered();
    if (waiting > LIMITS.outgoing_bytes_max) this.#cut();
    // Only requests stand still. Were both ends to stop reading until the other reads, neither would go on.
    else if (waiting > LIMITS.outgoing_bytes_pause && this.#theirs === 'client') this.#congested = true;
    this.#setReading();
  }

  /** Stops reading until `resume`, so that the other side feels it. Messages that have been read already still come. */
  pause(): void {
    this.#paused = true;
    this.#setReading();
  }

  resume(): void {
    this.#paused = false;
    this.#setReading();
  }

  /** Tells the other side why, then closes. */
  refuse(code: ErrorCode, message?: string, details: ErrorDetails = {}): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    const error = new ConcordError(code, message, { details });
    this.#queue({ kind: 'refused', code, message: clip(error.message, LIMITS.message_length_max), details });
    this.#close({ by: 'us', error, message: `refused: ${error.message}` });
  }

  /** Sends what is queued, then closes. */
  end(): void {
    this.#close({ by: 'us', error: null, message: 'closed by this side' });
  }

  /** Closes at once. */
  destroy(error: ConcordError | null = null): void {
    if (this.#state === 'closed') return;
    this.#reason ??= { by: 'us', error, message: error?.message ?? 'closed by this side' };
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#socket?.destroy();
  }

  #socketHandlers(open: () => void): SocketHandlers {
    return {
      open,
      data: (chunk) => this.#receive(chunk),
      drain: () => {
        this.#congested = false;
        this.#setReading();
      },
      close: (error) => {
        this.#state = 'closed';
        this.#timer?.cancel();
        const message = error?.message ?? 'closed by the other side';
        this.#owner.close(this, this.#reason ?? { by: 'network', error: null, message });
      },
    };
  }

  #receive(chunk: Buffer): void {
    this.#traffic.receivedBytes += chunk.length;
    if (this.#state === 'closing' || this.#state === 'closed') return;
    const fault = this.#decoder.push(chunk, (body) => this.#body(body));
    // A first frame that is too big is most likely no frame: the sender speaks something else.
    if (fault !== null) this.refuse(this.#state === 'greeting' ? 'BAD_FRAME' : fault.code, fault.message);
  }

  #body(body: Buffer): void {
    this.#traffic.receivedFrames++;
    if (this.#state === 'closing' || this.#state === 'closed') return;
    const message = this.#state === 'greeting' ? attempt(decode, body) : attempt(decodeMessage, body);
    // Nothing below is caught: what is thrown there is the owner's own.
    if (message instanceof ConcordError) this.refuse('BAD_MESSAGE', message.message);
    else if (this.#state === 'greeting') this.#greeted(message);
    else this.#take(message as Message);
  }

  #take(message: Message): void {
    if (message.kind === 'ping') this.#queue({ kind: 'pong', correlation: message.correlation });
    else if (message.kind === 'refused') this.#refusedByThem(message);
    else if (!mayFollow(message.kind, this.#theirs)) this.refuse('NOT_ALLOWED', `${message.kind} may not be sent here`);
    else this.#owner.message(this, message);
  }

  /** Hello is done. */
  #start(theirs: Sender): void {
    this.#state = 'open';
    this.#theirs = theirs;
    this.#decoder.limit = LIMITS.frame_bytes_max;
    this.#timer?.cancel();
  }

  #queue(message: Message): void {
    addMessage(this.#writer, message);
    this.#traffic.sentFrames++;
    if (this.#writer.bytes > LIMITS.outgoing_bytes_max) this.#cut();
    if (this.#dirty || this.#state === 'closed') return;
    this.#dirty = true;
    if (this.#owner.dirty === undefined) this.#scheduler.defer(() => this.flush());
    else this.#owner.dirty(this);
  }

  #refusedByThem(message: MessageOf<'refused'>): void {
    const error = refusalOf(message);
    this.#close({ by: 'them', error, message: `refused by the other side: ${error.message}` });
  }

  #cut(): void {
    this.destroy(new ConcordError('TOO_SLOW', `more than ${LIMITS.outgoing_bytes_max} bytes wait to be sent`));
  }

  #close(reason: CloseReason): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#reason = reason;
    if (this.#state === 'connecting') {
      this.destroy();
      return;
    }
    this.flush();
    this.#state = 'closing';
    this.#timer?.cancel();
    this.#timer = this.#scheduler.after(LIMITS.linger_ms_max, () => this.destroy());
    this.#setReading();
    this.#socket?.end();
  }

  /** A closing connection reads on: it throws away what comes until the other side closes too, which would go unseen otherwise. */
  #setReading(): void {
    const reading = this.#state === 'closing' || !(this.#paused || this.#congested);
    if (this.#state === 'closed' || this.#reading === reading) return;
    this.#reading = reading;
    if (reading) this.#socket?.resume();
    else this.#socket?.pause();
  }
}

/** The two ways to make a connection. */
export const { dial, accept } = Connection;

/** What `read` makes of the bytes, or what it throws: BAD_MESSAGE and FieldError alike. */
function attempt(read: (body: Buffer) => unknown, body: Buffer): unknown {
  try {
    return read(body);
  } catch (error) {
    return new ConcordError('BAD_MESSAGE', (error as Error).message);
  }
}
