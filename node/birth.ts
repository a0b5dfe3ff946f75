/**
 * Whether this node may take part. A member that lost its data must never start empty under its old name: with its vote and its part of
 * the log gone, a majority could forget what was acknowledged. So a first start needs every member once: each tells the others its
 * incarnation, drawn at random with its data folder; when all are fresh, the cluster is born and everyone remembers everyone. Later, a
 * member that comes with another incarnation than the one remembered is turned away.
 */
import { ConcordError } from '../protocol/errors.js';
import type { Identity } from './storage/identity.js';

/** What a peer says of itself in its hello or welcome. */
export interface Introduction {
  readonly id: string;
  readonly cluster: string;
  readonly incarnation: string;
  readonly born: boolean;
  /** The incarnation that it remembers of this node, or ''. */
  readonly recorded: string;
}

/** What meeting a peer leads to. */
export type Meeting =
  | { readonly verdict: 'welcome' }
  /** Keep this identity: something was learned from it, or this node is born. */
  | { readonly verdict: 'remember'; readonly identity: Identity }
  /** The peer is not who it says. */
  | { readonly verdict: 'refuse'; readonly error: ConcordError }
  /** This node is not who it says: it must stop. */
  | { readonly verdict: 'stop'; readonly error: ConcordError };

/** Decides what a meeting means. `members` are the ids of all first members, this node among them. */
export function meet(own: Identity, members: readonly string[], peer: Introduction): Meeting {
  if (!members.includes(peer.id))
    return {
      verdict: 'refuse',
      error: new ConcordError('UNKNOWN_MEMBER', `${peer.id} is not among the members ${members.join(', ')}`),
    };
  if (clusterName(own.cluster) !== clusterName(peer.cluster) || (own.born && peer.born && own.cluster !== peer.cluster))
    return {
      verdict: 'refuse',
      error: new ConcordError(
        'WRONG_CLUSTER',
        `this is a node of cluster ${own.cluster}, the caller is of ${peer.cluster}`,
      ),
    };
  return own.born ? meetBorn(own, peer) : meetUnborn(own, members, peer);
}

/**
 * The identity of a node that has met everyone, or is alone in its cluster. The cluster's name gets a digest of the first members'
 * incarnations: two clusters of one name are told apart.
 */
export function bear(own: Identity): Identity {
  return { ...own, born: true, cluster: `${clusterName(own.cluster)}#${digest(own)}` };
}

/** The name that people gave the cluster, without what was added at its birth. */
export function clusterName(cluster: string): string {
  return cluster.split('#')[0] ?? '';
}

function meetBorn(own: Identity, peer: Introduction): Meeting {
  const remembered = own.members[peer.id];
  if (remembered === peer.incarnation) return { verdict: 'welcome' };
  if (remembered !== undefined)
    return {
      verdict: 'refuse',
      error: new ConcordError('UNKNOWN_MEMBER', lostData(peer.id, remembered, peer.incarnation)),
    };
  // A fresh member that this node has never met proves nothing by itself: those who met it before the birth vouch for it.
  return peer.born ? { verdict: 'remember', identity: remember(own, peer) } : { verdict: 'welcome' };
}

function meetUnborn(own: Identity, members: readonly string[], peer: Introduction): Meeting {
  if (peer.recorded !== '' && peer.recorded !== own.incarnation)
    return {
      verdict: 'stop',
      error: new ConcordError('UNKNOWN_MEMBER', lostData(own.node, peer.recorded, own.incarnation)),
    };
  const known = remember(own, peer);
  if (peer.born) {
    if (peer.recorded === '') return { verdict: 'welcome' };
    return { verdict: 'remember', identity: { ...known, born: true, cluster: peer.cluster } };
  }
  const complete = members.every((id) => id === own.node || known.members[id] !== undefined);
  return { verdict: 'remember', identity: complete ? bear(known) : known };
}

function remember(own: Identity, peer: Introduction): Identity {
  return { ...own, members: { ...own.members, [peer.id]: peer.incarnation } };
}

function lostData(id: string, remembered: string, now: string): string {
  return `${id} is known as incarnation ${remembered} and came as ${now}: its data folder was lost or replaced`;
}

// FNV-1a over all incarnations in order of node ids: the same on every member.
function digest(identity: Identity): string {
  const all = { ...identity.members, [identity.node]: identity.incarnation };
  let hash = 0x811c9dc5;
  for (const id of Object.keys(all).sort())
    for (const char of `${id}=${all[id]};`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
