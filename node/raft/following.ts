/** The follower's side of replication: paper 5.3. What it says it has is durable, and equal to the leader's log. */
import { configurationIn } from './configuration.js';
import { sendDurably } from './durability.js';
import { advanceCommit, append, truncate } from './entries.js';
import { decodeRun, lastOf, type Run, RunError, sliceRun } from './run.js';
import { armElection, follow, type State, send } from './state.js';
import { type Append, type AppendReply, invariant, type NodeId } from './types.js';

/** The leader of `term` has spoken. */
export function heardLeader(s: State, from: NodeId, term: number): void {
  const known = term === s.term ? s.leader : '';
  invariant(known === '' || known === from, `two leaders in term ${term}: ${known} and ${from}`);
  if (term > s.term || s.leader !== from) follow(s, term, from, `${from} leads term ${term}`);
  else {
    s.contactAt = s.now;
    armElection(s);
  }
  s.attempts = 0;
}

/** Takes entries from the leader. @throws RunError when a run is malformed, before anything has changed: the link is to be cut. */
export function onAppend(s: State, from: NodeId, message: Append): void {
  if (message.term < s.term) {
    send(s, from, reply(s, true, message.previousIndex, 0, 0));
    return;
  }
  const runs = decode(s, message);
  heardLeader(s, from, message.term);
  if (s.log.termAt(message.previousIndex) !== message.previousTerm) {
    const hint = s.log.lastAtOrBelow(message.previousIndex, message.previousTerm);
    send(s, from, reply(s, true, message.previousIndex, hint, s.log.termAt(hint) ?? 0));
    return;
  }
  for (const run of runs) merge(s, run);
  const last = runs.at(-1);
  // Only what this message verified counts: the rest of the log may still differ from the leader's.
  const verified = last === undefined ? message.previousIndex : lastOf(last);
  s.verified = Math.max(s.verified, verified);
  advanceCommit(s, Math.min(message.commit, verified));
  s.ackOwed = true;
  if (s.log.durable >= s.verified) acknowledge(s);
}

/** Tells the leader how far its entries are durable here, if that is owed. Called after every save. */
export function acknowledge(s: State): void {
  if (!s.ackOwed || s.leader === '') return;
  const match = Math.min(s.log.durable, s.verified);
  if (match === s.verified) s.ackOwed = false;
  sendDurably(s, s.leader, reply(s, false, match, 0, 0));
}

function reply(s: State, rejected: boolean, match: number, hintIndex: number, hintTerm: number): AppendReply {
  return { kind: 'append_reply', group: s.group, term: s.term, rejected, match, hintIndex, hintTerm };
}

function decode(s: State, message: Append): Run[] {
  let next = message.previousIndex + 1;
  let term = message.previousTerm;
  return message.runs.map((bytes) => {
    const run = decodeRun(bytes);
    if (run.group !== s.group || run.first !== next || run.term < term || run.term > message.term)
      throw new RunError(
        `a run of ${run.group} at ${run.first} in term ${run.term} does not continue ${next - 1} in ${term}`,
      );
    configurationIn(run);
    next = lastOf(run) + 1;
    term = run.term;
    return run;
  });
}

// Entries that are there already are left alone, whatever order messages arrive in: only a conflict cuts (paper 5.3).
function merge(s: State, run: Run): void {
  const last = lastOf(run);
  let index = run.first;
  while (index <= last) {
    const present = s.log.runAt(index);
    if (present === undefined || present.term !== run.term) break;
    index = lastOf(present) + 1;
  }
  if (index > last) return;
  if (index <= s.log.last) truncate(s, index);
  append(s, sliceRun(run, index, last));
}
