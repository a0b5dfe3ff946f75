/**
 * Whether this node may take part. A member that lost its data must never start empty under its old name: with its vote and its part of
 * the log gone, a majority could forget what was acknowledged. So a first start needs every member once, and takes three steps:
 *
 *   acquainted  It learns the incarnations of the others, drawn at random with their data folders.
 *   complete    It knows all of them, and holds on to these: whoever comes with another incarnation is refused. The cluster's name gets
 *               a digest of them, so that two clusters of one name are told apart.
 *   born        All others are complete with the same digest. Only now it votes and keeps entries.
 *
 * Each step is durable before it is told. Hence, once anybody is born, everybody has pinned everybody, and nobody takes in a member that
 * comes back empty, whoever is down at that time. Being born as soon as it knew everybody would not do: another that does not know yet
 * could become complete, and be born, with the next incarnation of a member that has voted already.
 */
import { ConcordError } from '../protocol/errors.js';
import type { Identity } from './storage/identity.js';

/** What a peer says of itself in its hello, welcome or introduction. */
export interface Introduction {
  readonly id: string;
  /** With a digest once it is complete. */
  readonly cluster: string;
  readonly incarnation: string;
  readonly born: boolean;
  /** The incarnation that it remembers of this node, or ''. */
  readonly recorded: string;
}

/** What meeting a peer leads to. */
export type Meeting =
  | { readonly verdict: 'welcome' }
  /** The same, and `Birth.identity` has changed: it has to be kept. */
  | { readonly verdict: 'remember' }
  /** The peer is not who it says. */
  | { readonly verdict: 'refuse'; readonly error: ConcordError }
  /** This node is not who it says: it must stop. */
  | { readonly verdict: 'stop'; readonly error: ConcordError };

const WELCOME: Meeting = { verdict: 'welcome' };

/** The way of one node from its first start to being a member. */
export class Birth {
  readonly #members: readonly string[];
  readonly #others: readonly string[];
  /** The cluster that each peer named when it was met last, if it is complete; `born`, if it is that too. */
  readonly #met = new Map<string, { cluster: string; born: boolean }>();
  #identity: Identity;
  #kept: Identity;

  /** `identity` is durable. `members` are the ids of all first members, this node among them. */
  constructor(identity: Identity, members: readonly string[]) {
    this.#identity = identity;
    this.#kept = identity;
    this.#members = members;
    this.#others = members.filter((id) => id !== identity.node);
  }

  /** What this node knows, durable or not yet. */
  get identity(): Identity {
    return this.#identity;
  }

  /** What is durable: all that may be told and acted upon. */
  get kept(): Identity {
    return this.#kept;
  }

  /** What has been handed to `remember` is durable. */
  keep(identity: Identity): void {
    this.#kept = identity;
  }

  /** What was damaged is whole again. */
  repaired(): void {
    this.#identity = { ...this.#identity, repairing: false };
  }

  /** Without others there is nobody to wait for. To be called once, first. */
  begin(): Meeting {
    return this.#change(this.#identity);
  }

  /** Decides what a meeting means. */
  meet(peer: Introduction): Meeting {
    const own = this.#identity;
    if (!this.#others.includes(peer.id))
      return refuse('UNKNOWN_MEMBER', `${peer.id} is not another one of the members ${this.#members.join(', ')}`);
    if (clusterName(own.cluster) !== clusterName(peer.cluster)) return otherCluster(own, peer);
    const known = own.members[peer.id] ?? '';
    if (isComplete(own) && known !== peer.incarnation)
      return refuse('UNKNOWN_MEMBER', lostData(peer.id, known, peer.incarnation));
    if (!isComplete(peer)) return this.#change(acquainted(own, peer));
    if (isComplete(own) && own.cluster !== peer.cluster) return otherCluster(own, peer);
    if (peer.recorded === '') return refuse('UNKNOWN_MEMBER', `${peer.id} has a cluster without ${own.node}`);
    if (peer.recorded !== own.incarnation)
      return { verdict: 'stop', error: unknown(lostData(own.node, peer.recorded, own.incarnation)) };
    this.#met.set(peer.id, { cluster: peer.cluster, born: peer.born });
    return this.#change(acquainted(own, peer));
  }

  #change(next: Identity): Meeting {
    let identity = next;
    if (!isComplete(identity) && this.#others.every((id) => identity.members[id] !== undefined))
      identity = this.#complete(identity);
    if (isComplete(identity) && !identity.born && this.#agreed(identity.cluster))
      identity = { ...identity, born: true };
    if (identity === this.#identity) return WELCOME;
    this.#identity = identity;
    return { verdict: 'remember' };
  }

  #complete(identity: Identity): Identity {
    const members = Object.fromEntries(this.#others.map((id) => [id, identity.members[id] ?? '']));
    return { ...identity, members, cluster: `${identity.cluster}#${this.#digest(identity)}` };
  }

  // One who is born has heard it of all others.
  #agreed(cluster: string): boolean {
    const agrees = (id: string) => this.#met.get(id)?.cluster === cluster;
    return this.#others.every(agrees) || this.#others.some((id) => agrees(id) && this.#met.get(id)?.born === true);
  }

  // FNV-1a over all incarnations in order of node ids: the same on every member.
  #digest(identity: Identity): string {
    let hash = 0x811c9dc5;
    for (const id of [...this.#members].sort()) {
      const incarnation = id === identity.node ? identity.incarnation : identity.members[id];
      for (const char of `${id}=${incarnation};`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }
}

/** The name that people gave the cluster, without the digest. */
export function clusterName(cluster: string): string {
  return cluster.split('#')[0] ?? '';
}

/** True when whoever names its cluster so knows all members, and takes no other in their place. */
export function isComplete({ cluster }: { readonly cluster: string }): boolean {
  return cluster.includes('#');
}

function acquainted(own: Identity, peer: Introduction): Identity {
  if (own.members[peer.id] === peer.incarnation) return own;
  return { ...own, members: { ...own.members, [peer.id]: peer.incarnation } };
}

function otherCluster(own: Identity, peer: Introduction): Meeting {
  return refuse('WRONG_CLUSTER', `this is a node of cluster ${own.cluster}, the caller is of ${peer.cluster}`);
}

function refuse(code: 'UNKNOWN_MEMBER' | 'WRONG_CLUSTER', message: string): Meeting {
  return { verdict: 'refuse', error: new ConcordError(code, message) };
}

function unknown(message: string): ConcordError {
  return new ConcordError('UNKNOWN_MEMBER', message);
}

function lostData(id: string, remembered: string, now: string): string {
  return `${id} is known as incarnation ${remembered} and came as ${now}: its data folder was lost or replaced`;
}
