/** Linearizable reads without the log: ReadIndex (thesis 6.4), confirmed in batches by heartbeat rounds; followers ask the leader. */

import { reached } from './quorum.js';
import { onTarget, settleRepair } from './repair.js';
import { answerRead, configurationOf, type State, send, type WaitingRead } from './state.js';
import type { NodeId, ReadIndex, ReadIndexReply } from './types.js';

/**
 * Takes a read of this node (`from` '') or of a follower. `round` is the number of the next heartbeat round, so that its answers were
 * sent after the read arrived: an older round proves nothing about now.
 */
export function read(s: State, from: NodeId, context: number, round: number): void {
  const waiting: WaitingRead = { from, context, index: s.commit >= s.termStart ? s.commit : -1, round };
  if (s.role === 'leader' && !s.transfer?.told && s.reads.length < s.settings.reads_max) {
    s.reads.push(waiting);
    confirmReads(s);
  } else if (from === '' && s.role !== 'leader' && s.leader !== '' && s.forwarded.size < s.settings.reads_max) {
    passOn(s, context);
  } else answerRead(s, waiting, true);
}

/** A follower passes a read on. */
export function onReadIndex(s: State, from: NodeId, message: ReadIndex, round: number): void {
  const { term, context } = message;
  if (term === s.term) read(s, from, context, round);
  else answerRead(s, { from, context, index: -1, round }, true);
}

/**
 * Called when the leader is heard: what was passed on to it or its answer was lost if that is long ago. The context stays, for any answer
 * to it was given after the read arrived.
 */
export function passOnAgain(s: State): void {
  for (const [context, sentAt] of s.forwarded) {
    if (s.now - sentAt <= s.settings.resend_ms) return;
    passOn(s, context);
  }
}

// Keeps the order of sending: the oldest comes first.
function passOn(s: State, context: number): void {
  s.forwarded.delete(context);
  s.forwarded.set(context, s.now);
  send(s, s.leader, { kind: 'read_index', group: s.group, term: s.term, context });
}

/** The leader's answer to a read that was passed on. */
export function onReadIndexReply(s: State, reply: ReadIndexReply): void {
  const { context, index, refused } = reply;
  if (onTarget(s, reply)) settleRepair(s);
  else if (s.forwarded.delete(context)) s.out.reads.push({ context, index, refused });
}

/** Lets go the reads that a quorum has confirmed: it followed this leader after they arrived, and the term's no-op is committed. */
export function confirmReads(s: State): void {
  if (s.reads.length === 0) return;
  const round = reached(configurationOf(s), (id) =>
    id === s.self ? Number.POSITIVE_INFINITY : (s.progress.get(id)?.round ?? 0),
  );
  const waiting = s.reads.findIndex((one) => one.round > round || one.index < 0);
  const done = s.reads.splice(0, waiting < 0 ? s.reads.length : waiting);
  for (const one of done) answerRead(s, one, false);
}

/** Gives up the reads of a peer whose link is gone: in its next life it may use their contexts for others. */
export function dropReadsOf(s: State, peer: NodeId): void {
  s.reads = s.reads.filter(({ from }) => from !== peer);
}
