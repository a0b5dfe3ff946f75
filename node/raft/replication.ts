/** Log replication: paper 5.3 and 5.4.2, pipelined and batched; the leader's own sync runs in parallel (thesis 10.2.1). */
import { Progress } from './progress.js';
import { reached } from './quorum.js';
import { decodeRun, encodeRun, firstEntry, lastOf, type Run, RunError, sliceRun } from './run.js';
import { armElection, clusterTime, configurationOf, follow, others, type State, send, sendDurably } from './state.js';
import {
  type Append,
  type AppendReply,
  CONFIGURATION,
  type Configuration,
  invariant,
  type NodeId,
  type Proposal,
} from './types.js';

/** Appends entries to a leader's own log, split into runs of bounded size. Returns the index of the first. */
export function appendOwn(s: State, entries: readonly Proposal[]): number {
  const first = s.log.last + 1;
  const time = clusterTime(s);
  let from = 0;
  while (from < entries.length) {
    let to = from;
    let bytes = 0;
    do {
      bytes += entries[to]?.payload.length ?? 0;
      to++;
    } while (to < entries.length && bytes + (entries[to]?.payload.length ?? 0) <= s.settings.run_bytes_max);
    const run = encodeRun(s.group, s.term, s.log.last + 1, time, entries.slice(from, to));
    if (s.commit === s.log.last) s.progressAt = s.now;
    s.uncommittedBytes += run.size;
    append(s, run);
    from = to;
  }
  return first;
}

/** Sends what a follower lacks, as far as the windows allow; with nothing to send, nothing. */
export function replicate(s: State, to: NodeId): void {
  const progress = s.progress.get(to);
  if (progress === undefined) return;
  const { appends_in_flight_max, append_bytes_in_flight_max, append_bytes_max, append_runs_max } = s.settings;
  while (progress.next <= s.log.last && progress.maySend(appends_in_flight_max, append_bytes_in_flight_max)) {
    const slice = s.log.slice(progress.next, append_bytes_max, append_runs_max);
    if (slice.missing !== null) {
      progress.loading = true;
      s.out.loads.push(slice.missing);
      return;
    }
    sendAppend(s, to, progress.next, slice.runs);
    progress.sent(slice.last, slice.bytes, s.now);
  }
}

/** Sends to everyone what they lack. */
export function replicateAll(s: State): void {
  for (const id of s.progress.keys()) replicate(s, id);
}

/** An append without entries: finds out where a follower's log agrees. */
export function probe(s: State, to: NodeId): void {
  const progress = s.progress.get(to);
  if (progress === undefined || !progress.connected) return;
  progress.probe(progress.match === 0 ? progress.next : progress.match + 1);
  if (progress.next <= s.log.last) replicate(s, to);
  else {
    sendAppend(s, to, progress.next, []);
    progress.sent(progress.next - 1, 0, s.now);
  }
}

/** A follower takes entries from its leader. @throws RunError when a run is malformed: the link is to be cut. */
export function onAppend(s: State, from: NodeId, message: Append): void {
  const reply = (rejected: boolean, match: number, hintIndex: number, hintTerm: number): AppendReply => ({
    kind: 'append_reply',
    group: s.group,
    term: s.term,
    rejected,
    match,
    hintIndex,
    hintTerm,
  });
  if (message.term < s.term) {
    send(s, from, reply(true, message.previousIndex, 0, 0));
    return;
  }
  const runs = message.runs.map(decodeRun);
  checkContiguous(s, message, runs);
  heardLeader(s, from, message.term);
  if (s.log.termAt(message.previousIndex) !== message.previousTerm) {
    const hint = s.log.lastAtOrBelow(message.previousIndex, message.previousTerm);
    send(s, from, reply(true, message.previousIndex, hint, s.log.termAt(hint) ?? 0));
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

/** Tells the leader how far its entries are durable here, if that is owed and known. */
export function acknowledge(s: State): void {
  if (!s.ackOwed || s.leader === '' || s.role === 'leader') return;
  const match = Math.min(s.log.durable, s.verified);
  if (match === s.verified) s.ackOwed = false;
  sendDurably(s, s.leader, {
    kind: 'append_reply',
    group: s.group,
    term: s.term,
    rejected: false,
    match,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/** A leader hears how far a follower is. Returns true when the follower advanced. */
export function onAppendReply(s: State, from: NodeId, reply: AppendReply): boolean {
  if (reply.term > s.term) {
    follow(s, reply.term, '', `${from} is in term ${reply.term}`);
    return false;
  }
  const progress = s.progress.get(from);
  // An answer to an earlier leadership says nothing about this one's log.
  if (s.role !== 'leader' || reply.term !== s.term || progress === undefined) return false;
  if (reply.rejected) {
    // Late rejections are recognised: what was rejected has since been acknowledged, or is not what is being probed.
    const stale = progress.state === 'replicate' ? reply.match <= progress.match : reply.match !== progress.next - 1;
    if (stale) return false;
    progress.probe(s.log.lastAtOrBelow(Math.min(reply.hintIndex, reply.match), reply.hintTerm) + 1);
    probe(s, from);
    return false;
  }
  invariant(reply.match <= s.log.last, `${from} acknowledges ${reply.match} beyond ${s.log.last}`);
  const advanced = progress.acknowledged(reply.match, s.now);
  if (advanced) commitReached(s);
  replicate(s, from);
  return advanced;
}

/** A leader commits what a quorum holds durably, if it is of its own term (paper figure 8). Its own log counts as far as it is durable. */
export function commitReached(s: State): void {
  if (s.role !== 'leader') return;
  const index = reached(configurationOf(s), (id) => (id === s.self ? s.log.durable : (s.progress.get(id)?.match ?? 0)));
  if (index > s.commit && s.log.termAt(index) === s.term) advanceCommit(s, index);
}

/** The leader of `term` has spoken. */
export function heardLeader(s: State, from: NodeId, term: number): void {
  if (term > s.term || s.leader !== from || s.role === 'candidate' || s.role === 'precandidate') {
    invariant(!(s.role === 'leader' && term === s.term), `two leaders in term ${term}: ${s.self} and ${from}`);
    follow(s, term, from, `${from} leads term ${term}`);
  } else {
    s.contactAt = s.now;
    armElection(s);
  }
  s.attempts = 0;
}

/** Moves the commit index, never back. */
export function advanceCommit(s: State, index: number): void {
  if (index <= s.commit) return;
  invariant(index <= s.log.last, `commit ${index} beyond the log's end ${s.log.last}`);
  if (s.role === 'leader') releaseBytes(s, index);
  s.commit = index;
  s.progressAt = s.now;
  for (const read of s.reads) if (read.index < 0 && s.commit >= s.termStart) read.index = s.commit;
}

function sendAppend(s: State, to: NodeId, next: number, runs: Buffer[]): void {
  const previousTerm = s.log.termAt(next - 1);
  invariant(previousTerm !== undefined, `no term for ${next - 1}`);
  send(s, to, {
    kind: 'append',
    group: s.group,
    term: s.term,
    previousIndex: next - 1,
    previousTerm,
    commit: s.commit,
    runs,
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

function append(s: State, run: Run): void {
  s.log.append(run);
  s.unsaved.push(run);
  s.time = Math.max(s.time, run.time);
  rememberConfiguration(s, run);
}

function truncate(s: State, index: number): void {
  invariant(index > s.commit, `entry ${index} is committed (${s.commit}) and must not be cut`);
  s.log.truncate(index);
  // What is on its way to disk may be overwritten by what follows: it no longer proves anything from here on.
  for (const save of s.saves) save.last = Math.min(save.last, index - 1);
  s.unsaved = s.unsaved.filter((run) => run.first < index);
  const cut = s.unsaved.at(-1);
  const kept = cut === undefined ? undefined : s.log.runAt(cut.first);
  if (kept !== undefined) s.unsaved[s.unsaved.length - 1] = kept;
  while ((s.configurations.at(-1)?.index ?? 0) >= index) s.configurations.pop();
}

// A configuration counts from the moment it is in the log, and an older one returns when it is cut (paper section 6).
function rememberConfiguration(s: State, run: Run): void {
  const configuration = configurationIn(run);
  if (configuration === null) return;
  s.configurations.push({ index: run.first, configuration });
  if (s.role !== 'leader') return;
  for (const id of others(s))
    if (!s.progress.has(id)) s.progress.set(id, new Progress(s.log.last + 1, s.now, s.connected.has(id)));
}

/** The configuration that a run carries, or null. A configuration is always alone in its run. */
export function configurationIn(run: Run): Configuration | null {
  if (run.count !== 1 || run.bytes === null) return null;
  const entry = firstEntry(run.bytes);
  return entry[0] === CONFIGURATION ? (JSON.parse(entry.toString('utf8', 1)) as Configuration) : null;
}

/** A configuration as the payload of an entry. */
export function encodeConfiguration(configuration: Configuration): Buffer {
  return Buffer.from(JSON.stringify(configuration));
}

function checkContiguous(s: State, message: Append, runs: readonly Run[]): void {
  let next = message.previousIndex + 1;
  let term = message.previousTerm;
  for (const run of runs) {
    if (run.group !== s.group || run.first !== next || run.term < term || run.term > message.term)
      throw new RunError(
        `a run of ${run.group} at ${run.first} in term ${run.term} does not continue ${next - 1} in ${term}`,
      );
    next = lastOf(run) + 1;
    term = run.term;
  }
}

function releaseBytes(s: State, commit: number): void {
  let index = Math.max(s.commit + 1, s.termStart);
  while (index <= commit) {
    const run = s.log.runAt(index);
    if (run === undefined) return;
    if (lastOf(run) <= commit) s.uncommittedBytes -= run.size;
    index = lastOf(run) + 1;
  }
}
