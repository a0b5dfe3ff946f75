/** What must hold of a replica after every event, cheap enough to be checked by every simulation step (LogCabin's list, shortened). */
import { isVoter } from './quorum.js';
import { configurationOf, type State } from './state.js';
import { invariant } from './types.js';

/** @throws InvariantError naming what does not hold. */
export function checkInvariants(s: State): void {
  const { log } = s;
  invariant(log.start.index <= s.snapshot, `purged up to ${log.start.index}, the last checkpoint is at ${s.snapshot}`);
  invariant(s.snapshot <= s.applied, `a checkpoint at ${s.snapshot}, applied is ${s.applied}`);
  invariant(s.applied <= s.commit, `applied ${s.applied} beyond commit ${s.commit}`);
  invariant(s.commit <= log.last, `commit ${s.commit} beyond last ${log.last}`);
  invariant(log.durable <= log.last, `durable ${log.durable} beyond last ${log.last}`);
  invariant(log.durable >= log.start.index, `durable ${log.durable} before the start ${log.start.index}`);
  invariant(s.durableTerm <= s.term, `term ${s.durableTerm} is durable in term ${s.term}`);
  invariant(s.verified <= log.last, `verified ${s.verified} beyond last ${log.last}`);
  invariant(log.lastTerm <= s.term, `an entry of term ${log.lastTerm} in term ${s.term}`);
  invariant(log.lastTime <= s.time, `an entry of cluster time ${log.lastTime} at ${s.time}`);
  invariant((s.configurations.at(-1)?.index ?? 0) <= log.last, 'a configuration beyond the end of the log');
  invariant(
    s.configurations[0] !== undefined && s.configurations[0].index <= s.snapshot,
    'no configuration before the log',
  );
  invariant((s.configurations[1]?.index ?? log.first) >= log.first, 'configurations that are never in force again');
  invariant(
    s.saves.every(({ last }) => last <= log.last),
    'a save proves entries that are no more',
  );
  if (s.role === 'leader') checkLeader(s);
  else {
    invariant(s.progress.size === 0 && s.reads.length === 0, 'only a leader has progress and reads');
    invariant(s.transfer === null, 'only a leader hands over');
    invariant(s.out.snapshots.length === 0, 'only a leader sends snapshots');
    invariant(s.electionAt < Number.POSITIVE_INFINITY, 'everyone else waits for an election');
  }
  if (s.role === 'candidate') invariant(s.vote === s.self, 'a candidate voted for itself');
  if (s.repair !== null)
    invariant(s.role === 'follower' || s.role === 'learner', 'who is under repair stands for nothing');
  if (s.role === 'candidate' || s.role === 'precandidate') invariant(s.leader === '', 'who runs knows of no leader');
}

function checkLeader(s: State): void {
  invariant(s.leader === s.self, 'a leader knows who leads');
  invariant(s.vote === s.self, 'a leader voted for itself');
  invariant(s.electionAt === Number.POSITIVE_INFINITY, 'a leader waits for no election');
  invariant(isVoter(configurationOf(s), s.self), 'a leader has a vote');
  invariant(
    s.termStart <= s.log.start.index || s.log.termAt(s.termStart) === s.term,
    'the no-op begins the term, or is purged',
  );
  invariant(s.forwarded.size === 0, 'a leader passes no reads on');
  invariant(s.uncommittedBytes >= 0, 'uncommitted bytes below zero');
  for (const [id, progress] of s.progress) {
    invariant(progress.match < progress.next, `${id}: match ${progress.match}, next ${progress.next}`);
    invariant(progress.match <= s.log.last, `${id}: match ${progress.match} beyond ${s.log.last}`);
    invariant(progress.inFlight <= s.settings.appends_in_flight_max, `${id}: ${progress.inFlight} appends under way`);
    invariant(progress.state !== 'snapshot' || progress.inFlight === 0, `${id}: appends beside a snapshot`);
  }
}
