/** Calls of simulated clients: each is recorded, and what it ends in has to be fair, in time and well founded. */
import { decodeEntry } from '../../node/services/entry.js';
import type { Cluster } from '../../protocol/client/types.js';
import { decode, encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { Recorder } from './history/history.js';
import type { QueueInput, QueueOutput } from './history/queue-facts.js';
import { BrokenPromise } from './promise.js';

/** The one queue there is. */
const QUEUE = 'default';
/** Later than its time-out, by the slowest clock, no call may end, ms. */
const LATE_MS = 60;
const SLOWEST_CLOCK = 0.95;
/** What a call may end in although it was patient: the session is gone, or the disk is full. */
const NO_PATIENCE_HELPS: ReadonlySet<string> = new Set(['ok', 'SESSION_EXPIRED', 'NO_SPACE']);
/** What a client may be told that did nothing wrong. */
const FAIR: ReadonlySet<string> = new Set([
  'NO_LEADER',
  'NOT_LEADER',
  'STOPPING',
  'OVERLOADED',
  'NO_SPACE',
  'RETRY',
  'DEADLINE',
  'TIMEOUT',
  'UNREACHABLE',
  'CANCELLED',
  'SESSION_EXPIRED',
]);

/** What is asked of a queue, and how. */
export interface Asking {
  readonly input: QueueInput;
  readonly timeout_ms: number;
  /** It has time for all that can go wrong, and so to end well. */
  readonly patient: boolean;
  /** Given up after this, ms; Infinity: not. */
  readonly giveUp_ms: number;
  /** The node to ask, or ''. */
  readonly node: string;
}

/** An answer, and the index of the log at which it was given. */
interface Told {
  readonly output: QueueOutput;
  readonly index: number;
}

/** All calls of a run. */
export class Calls {
  readonly recorder = new Recorder<QueueInput, QueueOutput>();
  /** Calls that succeeded. */
  succeeded = 0;
  readonly #cluster: SimulatedCluster;
  /** Highest index of the log at which a call was answered. */
  #answeredAt = 0;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  /** The code that the call ended in, or 'ok'. */
  async call(client: Cluster, asking: Asking, got: (output: QueueOutput) => void = () => {}): Promise<string> {
    const { time } = this.#cluster;
    const { input } = asking;
    const name = client.clientId;
    const process = this.#cluster.processOf(name);
    const stoodStill = process.pauses;
    const session = client.session.id;
    const answeredBefore = this.#answeredAt;
    const handle = this.recorder.call(name, QUEUE, input, time.now());
    const started = time.now();
    const what = input.op === 'enqueue' ? `enqueue ${input.body.replace(/\.+$/, '')}` : input.op;
    this.#cluster.note(`${name} ${handle} ${what}`);
    let ended = 'ok';
    try {
      const { output, index } = await this.#ask(client, asking);
      if (index < answeredBefore)
        throw new BrokenPromise(`${name} ${what} is answered from index ${index}, after ${answeredBefore} had been`);
      this.#answeredAt = Math.max(this.#answeredAt, index);
      this.recorder.ok(handle, output, time.now());
      this.succeeded++;
      got(output);
      this.#cluster.note(`${name} ${handle} ${what} -> ${JSON.stringify(output).replace(/\.+/, '')}`);
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      if (error.definite) this.recorder.refused(handle, time.now());
      else this.recorder.unknown(handle);
      ended = error.code;
      this.#cluster.note(`${name} ${handle} ${what} -> ${error.code}${error.definite ? '' : ', may have happened'}`);
    }
    if (ended !== 'ok' && !FAIR.has(ended)) throw new BrokenPromise(`${name} is told ${ended} for ${what}`);
    if (asking.patient && !NO_PATIENCE_HELPS.has(ended))
      throw new BrokenPromise(`${name} ${what} was patient and ended in ${ended}`);
    if (ended === 'SESSION_EXPIRED' && session > 0 && !this.#hasEnded(session))
      throw new BrokenPromise(`${name} is told that session ${session} has ended, and nobody ended it`);
    const late = time.now() - started - timeOf(asking) / SLOWEST_CLOCK;
    if (late > LATE_MS && process.pauses === stoodStill)
      throw new BrokenPromise(`Never silence: ${name} ${what} ended ${late.toFixed(0)} ms after its time`);
    return ended;
  }

  async #ask(client: Cluster, { input, timeout_ms, giveUp_ms, node }: Asking): Promise<Told> {
    const options = {
      timeout_ms,
      ...(node !== '' && { node }),
      ...(giveUp_ms < Number.POSITIVE_INFINITY && { signal: this.#giveUpAfter(giveUp_ms) }),
    };
    switch (input.op) {
      case 'enqueue': {
        const { value, index } = await client.command('queue.enqueue', [encode(input.body)], options);
        return { output: Number(value), index };
      }
      case 'dequeue': {
        const wait_ms = input.wait_ms ?? 0;
        const waiting = { ...options, timeout_ms: timeout_ms + wait_ms };
        const { value, index } = await client.command('queue.dequeue', [wait_ms], waiting);
        if (value === null) return { output: null, index };
        const [id, body] = value as [number, Buffer];
        return { output: { id, body: String(decode(body)) }, index };
      }
      case 'size': {
        const { value, index } = await client.read('queue.size', [], options);
        return { output: Number(value), index };
      }
    }
  }

  #giveUpAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#cluster.time.add(ms, () => controller.abort(), this.#cluster.tester);
    return controller.signal;
  }

  /** A committed entry ends the session. */
  #hasEnded(session: number): boolean {
    return this.#cluster.judge.entries('c').some(({ entry }) => {
      const decoded = decodeEntry(entry);
      return decoded?.kind === 'expire' && decoded.sessions.includes(session);
    });
  }
}

// A call that waits is allowed its time-out besides.
function timeOf({ input, timeout_ms }: Asking): number {
  return input.op === 'dequeue' ? timeout_ms + (input.wait_ms ?? 0) : timeout_ms;
}
