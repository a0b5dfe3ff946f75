/** Calls of simulated clients: what each ends in has to be fair, in time and well founded. */
import { decodeEntry } from '../../node/services/entry.js';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { BrokenPromise } from './promise.js';

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

/** A call, and what is expected of it. */
export interface Asking {
  /** In a few words. */
  readonly what: string;
  /** All the time that it may take by its client's clock, waits included, ms. */
  readonly time_ms: number;
  /** It has time for all that can go wrong, and so to end well. */
  readonly patient: boolean;
  /** Codes that are fair besides those that any call may end in, for a patient one too. */
  readonly fair?: ReadonlySet<string>;
}

/** An answer, and where that is told the group that gave it and the index of its log. */
export interface Told<T> {
  readonly output: T;
  readonly from?: { readonly group: string; readonly index: number };
}

/** Hears how a call ended, at the moment when it does. */
export interface Record<T> {
  ok(output: T): void;
  refused(code: string): void;
  unknown(code: string): void;
}

/** All calls of a run. */
export class Calls {
  /** Calls that were made, and those that succeeded. */
  asked = 0;
  succeeded = 0;
  readonly #cluster: SimulatedCluster;
  /** Group -> highest index of its log at which a call was answered. */
  readonly #answeredAt = new Map<string, number>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  /** The code that the call ended in, or 'ok'. @throws BrokenPromise */
  async call<T>(client: Cluster, asking: Asking, run: () => Promise<Told<T>>, record: Record<T>): Promise<string> {
    const { time } = this.#cluster;
    const { what, time_ms, patient, fair } = asking;
    const name = client.clientId;
    const process = this.#cluster.processOf(name);
    const stoodStill = process.pauses;
    const session = client.session.id;
    const answeredBefore = new Map(this.#answeredAt);
    const number = this.asked++;
    const started = time.now();
    this.#cluster.note(`${name} ${number} ${what}`);
    let ended = 'ok';
    try {
      const { output, from } = await run();
      if (from !== undefined) this.#answered(from, answeredBefore, `${name} ${what}`);
      record.ok(output);
      this.succeeded++;
      this.#cluster.note(`${name} ${number} ${what} -> ${JSON.stringify(output).replace(/\.+/, '')}`);
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      ended = error.code;
      if (error.definite) record.refused(ended);
      else record.unknown(ended);
      this.#cluster.note(`${name} ${number} ${what} -> ${ended}${error.definite ? '' : ', may have happened'}`);
    }
    if (ended !== 'ok' && !FAIR.has(ended) && !fair?.has(ended))
      throw new BrokenPromise(`${name} is told ${ended} for ${what}`);
    if (patient && !NO_PATIENCE_HELPS.has(ended) && !fair?.has(ended))
      throw new BrokenPromise(`${name} ${what} was patient and ended in ${ended}`);
    if (ended === 'SESSION_EXPIRED' && session > 0 && !this.#hasEnded(session))
      throw new BrokenPromise(`${name} is told that session ${session} has ended, and nobody ended it`);
    const late = time.now() - started - time_ms / SLOWEST_CLOCK;
    if (late > LATE_MS && process.pauses === stoodStill)
      throw new BrokenPromise(`Never silence: ${name} ${what} ended ${late.toFixed(0)} ms after its time`);
    return ended;
  }

  /** Nothing is answered from before what had been answered when it was asked. */
  #answered(
    from: { readonly group: string; readonly index: number },
    before: ReadonlyMap<string, number>,
    what: string,
  ) {
    const { group, index } = from;
    const least = before.get(group) ?? 0;
    if (index < least) throw new BrokenPromise(`${what} is answered from index ${index}, after ${least} had been`);
    this.#answeredAt.set(group, Math.max(this.#answeredAt.get(group) ?? 0, index));
  }

  /** A committed entry ends the session. */
  #hasEnded(session: number): boolean {
    return this.#cluster.judge.entries('c').some(({ entry }) => {
      const decoded = decodeEntry(entry);
      return decoded?.kind === 'expire' && decoded.sessions.includes(session);
    });
  }
}
