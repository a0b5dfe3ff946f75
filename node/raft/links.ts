/** What the coming and going of links tells a replica: a closed connection is evidence, where silence would only be a hint. */
import { askAgain, expectElection, retryIfLost } from './election.js';
import { isQuorum } from './quorum.js';
import { dropReadsOf } from './reads.js';
import { probe } from './replication.js';
import { configurationOf, forgetLeader, type State } from './state.js';
import type { NodeId } from './types.js';

/** A link to `peer` is up. Nothing that was sent before arrives over it. */
export function linkUp(s: State, peer: NodeId): void {
  s.connected.add(peer);
  const progress = s.progress.get(peer);
  if (progress !== undefined) {
    progress.connected = true;
    probe(s, peer, progress.restart);
  }
  askAgain(s, peer);
  // No leader is known: no reason to wait for silence once a majority can be asked. Who asks already goes on.
  const leaderless = s.role === 'follower' && s.leader === '';
  if (leaderless && isQuorum(configurationOf(s), (id) => id === s.self || s.connected.has(id))) expectElection(s);
}

/** The link to `peer` is down. */
export function linkDown(s: State, peer: NodeId): void {
  s.connected.delete(peer);
  const progress = s.progress.get(peer);
  if (progress !== undefined) {
    progress.connected = false;
    progress.probe(progress.restart);
    s.out.snapshots = s.out.snapshots.filter((id) => id !== peer);
  }
  // An heir that has been told may be running already: that is waited for.
  if (s.transfer?.to === peer && !s.transfer.told) s.transfer = null;
  dropReadsOf(s, peer);
  retryIfLost(s);
  if (s.leader !== peer) return;
  forgetLeader(s);
  if (s.role === 'follower') expectElection(s);
}
