/** Calls of simulated clients: each is recorded, and what it ends in has to be fair, in time and well founded. */
import { decodeEntry } from '../../node/services/entry.js';
import type { Cluster } from '../../protocol/client/types.js';
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

/** All calls of a run. */
export class Calls {
  readonly recorder = new Recorder<QueueInput, QueueOutput>();
  /** Calls that succeeded. */
  succeeded = 0;
  /** Codes that calls ended in, and how often. */
  readonly endings = new Map<string, number>();
  readonly #cluster: SimulatedCluster;

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
    const handle = this.recorder.call(name, QUEUE, input, time.now());
    const started = time.now();
    const what = input.op === 'enqueue' ? `enqueue ${input.body.replace(/\.+$/, '')}` : input.op;
    this.#cluster.note(`${name} ${handle} ${what}`);
    let ended = 'ok';
    try {
      const output = await this.#ask(client, asking);
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
    this.count(ended);
    if (ended !== 'ok' && !FAIR.has(ended)) throw new BrokenPromise(`${name} is told ${ended} for ${what}`);
    if (asking.patient && !NO_PATIENCE_HELPS.has(ended))
      throw new BrokenPromise(`${name} ${what} was patient and ended in ${ended}`);
    if (ended === 'SESSION_EXPIRED' && session > 0 && !this.#isEnding(session))
      throw new BrokenPromise(`${name} is told that session ${session} has ended, and nobody ended it`);
    const late = time.now() - started - timeOf(asking) / SLOWEST_CLOCK;
    if (late > LATE_MS && process.pauses === stoodStill)
      throw new BrokenPromise(`Never silence: ${name} ${what} ended ${late.toFixed(0)} ms after its time`);
    return ended;
  }

  async #ask(client: Cluster, { input, timeout_ms, giveUp_ms, node }: Asking): Promise<QueueOutput> {
    const queue = client.queue();
    const options = {
      timeout_ms,
      ...(node !== '' && { node }),
      ...(giveUp_ms < Number.POSITIVE_INFINITY && { signal: this.#giveUpAfter(giveUp_ms) }),
    };
    switch (input.op) {
      case 'enqueue':
        return queue.enqueue(input.body, options);
      case 'dequeue': {
        const message = await queue.dequeue({ ...options, wait_ms: input.wait_ms ?? 0 });
        return message === undefined ? null : { id: message.id, body: String(message.body) };
      }
      case 'size':
        return queue.size(options);
    }
  }

  #giveUpAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#cluster.time.add(ms, () => controller.abort(), this.#cluster.tester);
    return controller.signal;
  }

  /** Some entry ends the session; whoever has it may say so, committed or not: a client that believes it keeps it alive no longer. */
  #isEnding(session: number): boolean {
    for (const entry of this.#cluster.judge.seen('c')) {
      const decoded = decodeEntry(entry);
      if (decoded?.kind === 'expire' && decoded.sessions.includes(session)) return true;
    }
    return false;
  }

  /** One more call, or attempt to connect, that ended so. */
  count(ending: string): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}

// A call that waits is allowed its time-out besides.
function timeOf({ input, timeout_ms }: Asking): number {
  return input.op === 'dequeue' ? timeout_ms + (input.wait_ms ?? 0) : timeout_ms;
}
