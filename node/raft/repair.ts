/**
 * Repair: a replica whose disk has lost entries, its vote or all of it, and yet must not make the group forget what was acknowledged.
 *
 * It passes three phases. *Deaf*: it takes part in nothing until it has been told the greatest term that the others are in. *Filling*: it
 * follows, keeps entries and acknowledges them, but neither votes nor stands. *Full*: it holds all that it can ever have acknowledged, and
 * waits for the node to write that down. Why this is safe as long as a majority of voters is undamaged:
 *
 * 1. Nobody needs its old votes and acknowledgements of terms beyond the one it enters. Whatever it promised went to somebody, over links
 *    that were gone before it asked: a leader that its vote or its acknowledgement helped is in that term itself, or was elected by a
 *    majority that has an undamaged member in it. All others were asked, so the term it enters is no lower. A candidacy of its own that
 *    nobody heard of died with its process. In the term that it enters it counts as having voted for itself, of which it makes no use.
 *    Had it begun before, in a lower term, an old leader could commit with it what a newer one, elected with its forgotten vote, overrides:
 *    that is why nothing it says counts until the term is known.
 * 2. What was committed with entries that are lost here is not lost to the group. With m the majority of n, an entry committed by m
 *    replicas of which k are under repair is on m - k others, and a candidate needs m votes of the n - k that vote: (m - k) + m > n - k, so
 *    some voter holds the entry and refuses whoever does not. Of three, with one under repair, both others must agree, so the one that has
 *    the entry; of five, three of four, of whom two have it; with two under repair, all three, of whom one has it.
 * 3. That covers a leader that still believes in an old match, and commits on the strength of it, for as long as this replica does not
 *    vote. So it must not vote before such a belief is gone. An append goes out behind the match that the leader believes in: this replica
 *    either holds that entry, then the match is true, or rejects it, saying that it is under repair, then the leader forgets the match and
 *    looks for the end of this log anew. Therefore only when it has accepted an append does it ask for a read index: that index covers
 *    everything that was ever committed with its old acknowledgements to this leader, and since it is not given before the leader's no-op
 *    is committed, to all earlier ones (by 2, their committed entries are in this leader's log). Once its durable log has been verified up
 *    to that index, and the term is durable too, it has again all that it ever promised.
 */
import { enterTerm, follow, type Repair, type State, send } from './state.js';
import { invariant, type ReadIndexReply } from './types.js';

/** A repair as it begins. */
export function newRepair(): Repair {
  return { phase: 'deaf', askedIn: 0, askedAt: 0, target: Number.POSITIVE_INFINITY };
}

/** `term` is the greatest of all other members, each asked over a link that came up after this replica had started. */
export function enterRepairTerm(s: State, term: number): void {
  const { repair } = s;
  if (repair?.phase !== 'deaf') return;
  follow(s, Math.max(term, s.term), '', '');
  // Also when the term is its own: of a vote in it, only the record may be left that was written before.
  enterTerm(s, s.term, s.self);
  repair.phase = 'filling';
}

/** This replica has accepted an append of the present leader: what that leader believes of it is true from now on. */
export function askForTarget(s: State): void {
  const { repair } = s;
  if (repair?.phase !== 'filling' || repair.askedIn === s.term) return;
  repair.askedIn = s.term;
  repair.target = Number.POSITIVE_INFINITY;
  ask(s, repair);
}

/** Called when the leader is heard: the question or its answer was lost if that is long ago. */
export function askForTargetAgain(s: State): void {
  const { repair } = s;
  if (repair?.phase !== 'filling' || repair.askedIn !== s.term || repair.target < Number.POSITIVE_INFINITY) return;
  if (s.now - repair.askedAt > s.settings.resend_ms) ask(s, repair);
}

/** The answer to a question of a repair. False when it is one to somebody else's read. */
export function onTarget(s: State, { context, index, refused }: ReadIndexReply): boolean {
  const { repair } = s;
  if (repair === null || context !== contextOf(repair.askedIn)) return false;
  if (!refused && repair.askedIn === s.term) repair.target = Math.min(repair.target, index);
  return true;
}

/** What is durable or verified may have reached the target. Called after every event that moves them. */
export function settleRepair(s: State): void {
  const { repair } = s;
  if (repair?.phase !== 'filling' || repair.askedIn !== s.term) return;
  // The next start will trust the term on disk.
  if (s.durableTerm < s.term || s.stateDirty || s.stateSave > s.savedSequence) return;
  if (Math.min(s.log.durable, s.verified) < repair.target) return;
  repair.phase = 'full';
  s.out.repaired = true;
  s.out.changed = true;
}

/** The node has written down that the replica is whole: from now on it is one like all others. */
export function endRepair(s: State): void {
  invariant(s.repair?.phase === 'full', 'only a replica that holds everything again ends its repair');
  s.repair = null;
  s.out.changed = true;
}

function ask(s: State, repair: Repair): void {
  repair.askedAt = s.now;
  send(s, s.leader, { kind: 'read_index', group: s.group, term: s.term, context: contextOf(s.term) });
}

// One for each term, out of the way of the reads of this node, which count from 1.
function contextOf(term: number): number {
  return Number.MAX_SAFE_INTEGER - term;
}
