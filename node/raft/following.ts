/** The follower's side of replication: paper 5.3. What it says it has is durable, and equal to the leader's log. */
import { configurationIn } from './configuration.js';
import { sendDurably } from './durability.js';
import { advanceCommit, append, truncate } from './entries.js';
import { askForTarget, settleRepair } from './repair.js';
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
  const { start } = s.log;
  // What lies at or below the start is committed, and known to be so in this term or before it: this leader has the very same.
  if (message.previousIndex >= start.index && s.log.termAt(message.previousIndex) !== message.previousTerm) {
    const hint = s.log.lastAtOrBelow(message.previousIndex, message.previousTerm);
    send(s, from, reply(s, true, message.previousIndex, hint, s.log.termAt(hint) ?? 0));
    return;
  }
  for (const run of runs) merge(s, run);
  const last = runs.at(-1);
  // Only what this message verified counts: the rest of the log may still differ from the leader's.
  const verified = Math.max(start.index, last === undefined ? message.previousIndex : lastOf(last));
  s.verified = Math.max(s.verified, verified);
  advanceCommit(s, Math.min(message.commit, verified));
  s.ackOwed = true;
  if (s.log.durable >= s.verified) acknowledge(s);
  askForTarget(s);
  settleRepair(s);
}

/** Tells the leader how far its entries are durable here, if that is owed. Called after every save. */
export function acknowledge(s: State): void {
  if (!s.ackOwed || s.leader === '') return;
  const match = Math.min(s.log.durable, s.verified);
  if (match === s.verified) s.ackOwed = false;
  sendDurably(s, s.leader, reply(s, false, match, 0, 0));
}

function reply(s: State, rejected: boolean, match: number, hintIndex: number, hintTerm: number): AppendReply {
  const { group, term } = s;
  const repairing = s.repair !== null;
  return { kind: 'append_reply', group, term, rejected, match, hintIndex, hintTerm, repairing };
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

// Entries that are there already are left alone, whatever order messages arrive in: only a conflict cuts (paper 5.3). What is purged here
// is passed over.
function merge(s: State, run: Run): void {
  const { start } = s.log;
  const last = lastOf(run);
  if (run.first <= start.index && start.index <= last)
    invariant(run.term === start.term, `entry ${start.index} is applied with term ${start.term}, not ${run.term}`);
  let index = Math.max(run.first, start.index + 1);
  while (index <= last) {
    const present = s.log.runAt(index);
    if (present === undefined || present.term !== run.term) break;
    index = lastOf(present) + 1;
  }
  if (index > last) return;
  if (index <= s.log.last) truncate(s, index);
  append(s, sliceRun(run, index, last));
}
