/** Heartbeats as one group sees them: a row in the sender's round, and what the answer to a round tells its leader (multi.ts). */
import { advanceCommit } from './entries.js';
import { heardLeader } from './following.js';
import { confirmReads, passOnAgain } from './reads.js';
import { askForTargetAgain } from './repair.js';
import { probe } from './replication.js';
import { clusterTime, follow, hearTime, type State } from './state.js';
import { type Heartbeat, invariant, type NodeId } from './types.js';

/** What a leader says to `peer` in round `round`, or null when it does not lead it. */
export function heartbeatFor(s: State, peer: NodeId, round: number): Heartbeat['groups'][number] | null {
  const progress = s.progress.get(peer);
  if (s.role !== 'leader' || progress === undefined) return null;
  if (progress.firstRound === 0) progress.firstRound = round;
  // Never beyond what this peer is known to hold: its log may differ after that.
  return [s.group, s.term, Math.min(progress.match, s.commit), clusterTime(s)];
}

/** A leader's heartbeat. Returns null when this replica follows it in that term, else its own term. */
export function onHeartbeat(s: State, from: NodeId, term: number, commit: number, time: number): number | null {
  if (term < s.term || s.repair?.phase === 'deaf') return s.term;
  heardLeader(s, from, term);
  // The time of a leader whose first entry is not here is none of this log's.
  if (term === s.log.lastTerm) hearTime(s, term, time);
  if (s.repair !== null) {
    // The leader may go by acknowledgements whose entries are lost: only what was verified since counts.
    advanceCommit(s, Math.min(commit, s.verified));
    askForTargetAgain(s);
  } else {
    // The leader knows from this replica itself that it holds them.
    invariant(commit <= s.log.last, `entries up to ${commit} were acknowledged, the log ends at ${s.log.last}`);
    advanceCommit(s, commit);
  }
  passOnAgain(s);
  return null;
}

/** `from` answered round `round`, which was sent at `sentAt`: it follows (`stray` null), or is in term `stray`. */
export function onHeartbeatReply(s: State, from: NodeId, round: number, sentAt: number, stray: number | null): void {
  if (stray !== null) {
    if (stray > s.term) follow(s, stray, '', `${from} is in term ${stray}`);
    return;
  }
  const progress = s.progress.get(from);
  if (s.role !== 'leader' || progress === undefined) return;
  // Rounds are of the node, not of the group: older ones told of another leadership, or of none.
  if (progress.firstRound === 0 || round < progress.firstRound) return;
  progress.round = Math.max(progress.round, round);
  progress.contactAt = Math.max(progress.contactAt, sentAt);
  // It hears us and owes an answer for long: the append or its answer was lost. Or a snapshot failed, and it is time to see again.
  const waits = progress.inFlight > 0 || progress.next <= s.log.last;
  const owed = progress.state === 'snapshot' ? !progress.streaming : waits;
  const silent = sentAt - progress.sentAt > s.settings.resend_ms;
  if (owed && silent && !progress.loading) probe(s, from, progress.restart);
  confirmReads(s);
}
