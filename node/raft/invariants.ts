/** What must hold of a replica after every event, cheap enough to be checked by every simulation step (LogCabin's list, shortened). */
import { isVoter } from './quorum.js';
import { configurationOf, type State } from './state.js';
import { invariant } from './types.js';

/** @throws InvariantError naming what does not hold. */
export function checkInvariants(s: State): void {
  const { log } = s;
  invariant(s.applied <= s.commit, `applied ${s.applied} beyond commit ${s.commit}`);
  invariant(s.commit <= log.last, `commit ${s.commit} beyond last ${log.last}`);
  invariant(log.durable <= log.last, `durable ${log.durable} beyond last ${log.last}`);
  invariant(log.lastTerm <= s.term, `an entry of term ${log.lastTerm} in term ${s.term}`);
  invariant(s.vote !== s.self || s.role !== 'follower' || s.term > 0, 'voted for itself in term 0');
  if (s.role === 'leader') {
    invariant(s.leader === s.self, 'a leader knows who leads');
    invariant(s.vote === s.self, 'a leader voted for itself');
    invariant(s.electionAt === Number.POSITIVE_INFINITY, 'a leader waits for no election');
    invariant(isVoter(configurationOf(s), s.self), 'a leader has a vote');
    for (const [id, progress] of s.progress) {
      invariant(progress.match < progress.next, `${id}: match ${progress.match}, next ${progress.next}`);
      invariant(progress.match <= log.last, `${id}: match ${progress.match} beyond ${log.last}`);
    }
  } else {
    invariant(s.progress.size === 0 && s.reads.length === 0, 'only a leader has progress and reads');
    invariant(s.electionAt < Number.POSITIVE_INFINITY, 'everyone else waits for an election');
  }
  if (s.role === 'candidate') invariant(s.vote === s.self, 'a candidate voted for itself');
  invariant(s.uncommittedBytes >= 0, 'uncommitted bytes below zero');
}
