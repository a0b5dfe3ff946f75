/** What clients believe to hold, by the handles that the library gave them: nobody may believe what another's belief excludes. */
import type { Cluster, Lock, Permits } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import type { Moment } from './history/history.js';
import { goTogether } from './history/modes.js';
import { BrokenPromise } from './promise.js';

/** An awake client is told of a loss within this, ms. */
const TOLD_MS = 5;

/** A lock or permits that a client was given, until it has let go of them or been told of their loss. */
export class Belief {
  readonly client: Cluster;
  readonly owner: string;
  readonly held: Lock | Permits;
  /** The cluster may take it away although the session lives: the client hears of it later. */
  readonly bounded: boolean;
  /** When it was asked for. */
  readonly asked: Moment;
  /** When the first was asked for of those that the cluster counts as one hold with it: what takes the hold takes all of them. */
  readonly heldSince: Moment;
  readonly session: number;
  /** Its signal was aborted. */
  told = false;
  /** The client has begun to release it. */
  released = false;
  /** Since when the client should have been told of its loss, ms; 0: it need not. */
  overdue = 0;

  /** `under`: what its owner had of the same lock when it asked for more. */
  constructor(client: Cluster, owner: string, held: Lock | Permits, bounded: boolean, asked: Moment, under?: Belief) {
    this.client = client;
    this.owner = owner;
    this.held = held;
    this.bounded = bounded;
    this.asked = asked;
    this.heldSince = under?.heldSince ?? asked;
    this.session = client.session.id;
  }
}

/** All beliefs. */
export class Beliefs {
  readonly #cluster: SimulatedCluster;
  readonly #byLock = new Map<string, Set<Belief>>();
  readonly #byClient = new Map<string, Set<Belief>>();
  /** Lock -> who asked for it by then (simulated time, ms) may have been robbed of it, and now too while revokes are under way. */
  readonly #revokes = new Map<string, { underWay: number; until: number }>();

  readonly #permits: number;

  /** `permits`: of each semaphore. */
  constructor(cluster: SimulatedCluster, permits: number) {
    this.#cluster = cluster;
    this.#permits = permits;
  }

  /** What a client believes to hold. */
  of(client: string): readonly Belief[] {
    return [...(this.#byClient.get(client) ?? [])];
  }

  add(belief: Belief): void {
    setOf(this.#byLock, belief.held.name).add(belief);
    setOf(this.#byClient, belief.client.clientId).add(belief);
    this.check(belief);
  }

  /** It is over: the client has been told so, or lets go of it. */
  remove(belief: Belief): void {
    this.#byLock.get(belief.held.name)?.delete(belief);
    this.#byClient.get(belief.client.clientId)?.delete(belief);
  }

  /** Somebody begins to revoke the lock. To be called when it is sure that this is over; it may take effect until then. */
  revoking(lock: string): () => void {
    const revokes = this.#revokes.get(lock) ?? { underWay: 0, until: Number.NEGATIVE_INFINITY };
    this.#revokes.set(lock, revokes);
    revokes.underWay++;
    return () => {
      revokes.underWay--;
      revokes.until = this.#cluster.time.now();
    };
  }

  /** True when the cluster may have taken the lock away, and word of it be on its way. */
  mayBeTaken({ bounded, held, heldSince }: Belief): boolean {
    const revokes = this.#revokes.get(held.name);
    return bounded || (revokes !== undefined && (revokes.underWay > 0 || heldSince.time <= revokes.until));
  }

  /** True while the client, awake, has every reason to believe that it holds the lock. Changes nothing in the client. */
  isHeld(belief: Belief): boolean {
    const { client, session, released, told } = belief;
    if (released || told || this.mayBeTaken(belief)) return false;
    const process = this.#cluster.processOf(client.clientId);
    return process.alive && !process.paused && client.session.id === session && client.session.state === 'open';
  }

  /** @throws BrokenPromise when others believe to hold what excludes what this one believes to hold */
  check(belief: Belief): void {
    if (!this.isHeld(belief)) return;
    const { held, owner } = belief;
    const others = [...(this.#byLock.get(held.name) ?? [])].filter((one) => one.owner !== owner && this.isHeld(one));
    if ('permits' in held) {
      const all = [belief, ...others].reduce((sum, one) => sum + ('permits' in one.held ? one.held.permits : 0), 0);
      if (all > this.#permits)
        throw new BrokenPromise(`Exclusion: ${all} permits of ${held.name} are out: ${[belief, ...others].map(tell)}`);
      return;
    }
    for (const other of others)
      if ('mode' in other.held && !goTogether(held.mode, other.held.mode))
        throw new BrokenPromise(`Exclusion: ${held.name} is held by ${tell(belief)} and by ${tell(other)}`);
  }

  /** A client has done something: what it believes must be right, and it must know what it has lost. @throws BrokenPromise */
  moved(client: Cluster): void {
    const beliefs = this.#byClient.get(client.clientId);
    if (beliefs === undefined || beliefs.size === 0) return;
    const { id, state } = client.session;
    const now = this.#cluster.time.now();
    const { resumedAt } = this.#cluster.processOf(client.clientId);
    for (const belief of beliefs) {
      if (state === 'open' && id === belief.session) {
        belief.overdue = 0;
        this.check(belief);
      } else if (!belief.told && !belief.released) {
        if (belief.overdue > 0 && now > Math.max(belief.overdue, resumedAt) + TOLD_MS)
          throw new BrokenPromise(
            `${tell(belief)} of ${belief.held.name} is not told that it is lost, ${(now - belief.overdue).toFixed(1)} ms after session ${belief.session} could not be relied on any more`,
          );
        belief.overdue ||= now;
      }
    }
  }
}

function tell({ owner, held }: Belief): string {
  return `${owner} (${'mode' in held ? `${held.mode}, token ${held.token}` : held.permits})`;
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const set = new Set<V>();
  map.set(key, set);
  return set;
}
