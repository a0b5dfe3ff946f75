/** The histories of locks and semaphores as their clients saw them, and the models that have to explain them. */
import type { Cluster } from '../../protocol/client/types.js';
import { checkLinearizable, type Verdict } from './history/check.js';
import { groups, type Moment, Recorder } from './history/history.js';
import type { HoldInput, HoldOperation, HoldOutput } from './history/holds.js';
import type { Model } from './history/model.js';
import { modes } from './history/modes.js';
import { fencedMutex, ownerAwareMutex, reentrantFencedMutex, reentrantMutex } from './history/mutex.js';
import { acquiredPermits, type PermitsInput, type PermitsOutput } from './history/permits.js';
import { BrokenPromise } from './promise.js';
import type { LockKind, NamedLock } from './swarm.js';

/** Times that one owner has a lock at most. */
export const NESTED_MAX = 3;
/** The one semaphore there is, and its permits. */
export const SEMAPHORE = 'gate';
export const PERMITS = 2;

type Check = (history: readonly HoldOperation[]) => Verdict<HoldInput, HoldOutput>;

/** What the history of a lock of each kind has to be explained by. */
const CHECKS: Readonly<Record<LockKind, readonly Check[]>> = {
  plain: [by(ownerAwareMutex), by(fencedMutex), by(modes)],
  nested: [by(reentrantMutex(NESTED_MAX)), by(reentrantFencedMutex(NESTED_MAX)), by(modes)],
  mixed: [by(modes)],
};

export class LockRecords {
  readonly holds = new Recorder<HoldInput, HoldOutput>();
  readonly permits = new Recorder<PermitsInput, PermitsOutput>();
  /** Client -> the last moment at which it was sure of its session. */
  readonly #sure = new Map<string, { holds: Moment; permits: Moment }>();

  /** A client has done something, and is sure of its session if that is open. */
  moved({ clientId, session }: Cluster, now: number): void {
    if (session.state !== 'open') return;
    this.#sure.set(clientId, { holds: this.holds.moment(now), permits: this.permits.moment(now) });
  }

  /** What the owner had of the lock may have ended at any time since then, or since its client was sure of its session last. */
  ended(client: string, lock: string, owner: string, since?: Moment): void {
    const moment = since ?? this.#sure.get(client)?.holds;
    if (moment !== undefined) this.holds.since(moment, client, lock, { op: 'end', owner });
  }

  /** The same of permits. */
  returned(client: string, owner: string, since?: Moment): void {
    const moment = since ?? this.#sure.get(client)?.permits;
    if (moment !== undefined) this.permits.since(moment, client, SEMAPHORE, { op: 'end', owner });
  }

  /** @throws BrokenPromise */
  check(locks: readonly NamedLock[]): void {
    const byLock = groups(this.holds.history(), ({ object }) => object);
    for (const { name, kind } of locks) for (const check of CHECKS[kind]) explained(check(byLock.get(name) ?? []));
    explained(checkLinearizable(acquiredPermits(PERMITS), this.permits.history()));
  }
}

function by<State>(model: Model<State, HoldInput, HoldOutput>): Check {
  return (history) => checkLinearizable(model, history);
}

function explained({ verdict, explanation }: { readonly verdict: string; readonly explanation: string }): void {
  if (verdict !== 'ok') throw new BrokenPromise(`Linearizable: ${explanation}`);
}
