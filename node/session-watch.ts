/**
 * The leader of `c` counts the TTL of every session and proposes the end of those that were not kept alive. Renewals are no entries:
 * a keepalive is acknowledged only once a majority has confirmed, after its arrival, that this node leads, and only while no end of
 * that session is on its way. A new leader begins every TTL anew. TTLs are counted in cluster time, which may run late and never early.
 */
import { ConcordError } from '../protocol/errors.js';
import { type Client, fail, proposalOf, type Replica } from './replica.js';
import { ENTRY_SESSIONS_MAX, expireEntry } from './services/entry.js';
import type { Directory } from './services/sessions.js';

/** Ends are looked for at most this often, cluster ms: it bounds the work when many sessions run out one by one. */
const CHECK_MS = 100;
/** An end that was proposed and not applied is proposed again after this: the leader may have been handing over. */
const PROPOSE_AGAIN_MS = 2000;

export class SessionWatch {
  /** Sessions whose end was proposed, since this process began. */
  expired = 0;
  readonly #replica: Replica;
  readonly #directory: Directory;
  /** Cluster time of the last acknowledged sign of life, by session. Only on a leader. */
  readonly #renewed = new Map<number, number>();
  /** Cluster time at which the end of a session was proposed. Nothing keeps it alive from then on, and nobody is told that it ended: a proposal may be lost. */
  readonly #ending = new Map<number, number>();
  #watching = false;
  #checkAt = Number.POSITIVE_INFINITY;

  constructor(replica: Replica, directory: Directory) {
    this.#replica = replica;
    this.#directory = directory;
  }

  /** A keepalive. Answered true, or SESSION_EXPIRED, or RETRY while its end is on its way, or why it could not be confirmed. */
  keepalive(client: Client, correlation: number, session: number, deadline: number, refusal: () => ConcordError): void {
    // Cluster time is cut to whole milliseconds: it may be almost one more, and a client may be as sure as its clock allows.
    const arrived = this.#replica.time + 1;
    this.#replica.confirm(deadline, (refused) => {
      if (refused !== null || !this.#replica.raft.settled) {
        fail(client, correlation, refused?.code === 'OVERLOADED' ? refused : refusal());
        return;
      }
      // It may have waited for the first entry of this term: nothing was counted before.
      this.#begin();
      if (!this.#directory.sessions.alive(session))
        fail(client, correlation, new ConcordError('SESSION_EXPIRED', `session ${session} has ended`));
      else if (this.#ending.has(session))
        fail(client, correlation, new ConcordError('RETRY', `the end of session ${session} is on its way`));
      else {
        this.#renewed.set(session, Math.max(arrived, this.#renewed.get(session) ?? 0));
        client.answer({ kind: 'answer', correlation, value: true });
      }
    });
  }

  /** Cluster time since a session gave its last sign of life, ms; undefined when this node does not count. */
  silence(session: number): number | undefined {
    const renewed = this.#renewed.get(session);
    return renewed === undefined ? undefined : Math.max(0, this.#replica.time - renewed);
  }

  /** Called at the end of each turn. */
  turn(): void {
    const { raft } = this.#replica;
    if (!raft.settled || this.#replica.known < raft.commit) {
      if (!raft.leads) this.#stop();
      return;
    }
    this.#begin();
    const now = this.#replica.time;
    if (now >= this.#checkAt) this.#check(now);
  }

  /** A session was opened or ended: entries have been applied. */
  changed(ended: readonly number[]): void {
    for (const session of ended) {
      this.#renewed.delete(session);
      this.#ending.delete(session);
    }
    if (this.#watching) this.#checkAt = Math.min(this.#checkAt, this.#replica.time + CHECK_MS);
  }

  /** Cluster ms until `turn` has something to do. */
  dueIn(): number {
    return this.#watching ? Math.max(CHECK_MS / 10, this.#checkAt - this.#replica.time) : Number.POSITIVE_INFINITY;
  }

  #begin(): void {
    if (this.#watching) return;
    this.#watching = true;
    const now = this.#replica.time;
    for (const session of this.#directory.sessions.all()) this.#renewed.set(session.id, now);
    this.#checkAt = now;
  }

  #check(now: number): void {
    const over: number[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const { id, ttl_ms } of this.#directory.sessions.all()) {
      const proposed = this.#ending.get(id);
      if (proposed !== undefined && now - proposed < PROPOSE_AGAIN_MS) {
        next = Math.min(next, proposed + PROPOSE_AGAIN_MS);
        continue;
      }
      const renewed = this.#renewed.get(id);
      if (renewed === undefined) this.#renewed.set(id, now);
      const due = (renewed ?? now) + ttl_ms;
      if (due > now) next = Math.min(next, due);
      else if (over.length < ENTRY_SESSIONS_MAX) over.push(id);
      else next = now;
    }
    this.#checkAt = Math.max(next, now + CHECK_MS);
    if (over.length === 0) return;
    this.expired += over.length;
    for (const id of over) this.#ending.set(id, now);
    this.#replica.propose(proposalOf(expireEntry(over)), null);
  }

  #stop(): void {
    if (!this.#watching) return;
    this.#watching = false;
    this.#renewed.clear();
    this.#ending.clear();
    this.#checkAt = Number.POSITIVE_INFINITY;
  }
}
