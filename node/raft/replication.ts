/** The leader's side of replication: paper 5.3 and 5.4.2, pipelined and batched; its own sync runs in parallel (thesis 10.2.1). */
import { advanceCommit, append } from './entries.js';
import type { Progress } from './progress.js';
import { isVoter, reached } from './quorum.js';
import { encodeRun, type Run } from './run.js';
import { clusterTime, configurationOf, follow, type State, send } from './state.js';
import { type AppendReply, CONFIGURATION, invariant, type NodeId, type Proposal } from './types.js';

/** Appends entries to a leader's own log, split into runs of bounded size. Returns the index of the first. */
export function appendOwn(s: State, entries: readonly Proposal[]): number {
  const first = s.log.last + 1;
  const time = clusterTime(s);
  let from = 0;
  while (from < entries.length) {
    const to = endOfRun(entries, from, s.settings.run_bytes_max);
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
    if (progress.next < s.log.first) {
      probe(s, to, progress.next);
      return;
    }
    const slice = s.log.slice(progress.next, append_bytes_max, append_runs_max);
    if (slice.missing.length > 0) {
      progress.loading = true;
      for (const run of slice.missing) load(s, run);
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

/** A run that some follower lacks is in memory again: whoever waits for one looks whether it is its next. */
export function onLoaded(s: State, run: Run, bytes: Buffer): void {
  s.loading.delete(run);
  s.log.load(run, bytes);
  for (const [id, progress] of s.progress) {
    if (!progress.loading) continue;
    progress.loading = false;
    replicate(s, id);
  }
}

/**
 * Starts over from `next`, with one append, if need be without entries: finds out where a follower's log agrees. Where that is purged, it
 * is asked about the first entry that is left: it may have got more from another leader, or a snapshot.
 */
export function probe(s: State, to: NodeId, next: number): void {
  const progress = s.progress.get(to);
  if (progress === undefined) return;
  progress.probe(Math.max(next, s.log.first));
  if (!progress.connected) return;
  if (progress.next <= s.log.last) replicate(s, to);
  else {
    sendAppend(s, to, progress.next, []);
    progress.sent(progress.next - 1, 0, s.now);
  }
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
  progress.repairing = reply.repairing;
  if (reply.rejected) {
    onRejection(s, from, progress, reply);
    return false;
  }
  invariant(reply.match <= s.log.last, `${from} acknowledges ${reply.match} beyond ${s.log.last}`);
  const advanced = progress.acknowledged(reply.match, s.now);
  if (advanced) {
    // A follower that catches up will let entries commit: nothing is stuck.
    if (isVoter(configurationOf(s), from)) s.progressAt = s.now;
    commitReached(s);
  }
  replicate(s, from);
  return advanced;
}

/** A leader commits what a quorum holds durably, if it is of its own term (paper figure 8). Its own log counts as far as it is durable. */
export function commitReached(s: State): void {
  if (s.role !== 'leader') return;
  const index = reached(configurationOf(s), (id) => (id === s.self ? s.log.durable : (s.progress.get(id)?.match ?? 0)));
  if (index > s.commit && s.log.termAt(index) === s.term) advanceCommit(s, index);
}

function onRejection(s: State, from: NodeId, progress: Progress, reply: AppendReply): void {
  // Whoever is under repair may reject what it once acknowledged (repair.ts): that must not count for anything any more.
  if (reply.repairing && reply.match <= progress.match) progress.forget();
  if (progress.isStale(reply.match)) return;
  const agreed = s.log.lastAtOrBelow(Math.min(reply.hintIndex, reply.match), reply.hintTerm);
  if (agreed >= s.log.start.index) probe(s, from, agreed + 1);
  else {
    progress.awaitSnapshot(s.log.first);
    s.out.snapshots.push(from);
  }
}

// What several followers lack is read once.
function load(s: State, run: Run): void {
  if (s.loading.has(run)) return;
  s.loading.add(run);
  s.out.loads.push(run);
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

// The end of the run that begins at `from`: bounded in bytes but for a single entry, and a configuration stands alone.
function endOfRun(entries: readonly Proposal[], from: number, bytes_max: number): number {
  let to = from + 1;
  if (entries[from]?.kind === CONFIGURATION) return to;
  let bytes = entries[from]?.payload.length ?? 0;
  for (let entry = entries[to]; entry !== undefined && entry.kind !== CONFIGURATION; entry = entries[++to]) {
    bytes += entry.payload.length;
    if (bytes > bytes_max) break;
  }
  return to;
}
