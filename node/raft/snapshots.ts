/**
 * What takes the place of a log that is no more: entries given up once a checkpoint holds them, and snapshots for followers that still
 * needed them (thesis 5). The rows of a snapshot travel outside of the core; here is what the logs make of it.
 */
import { advanceCommit } from './entries.js';
import { probe, replicate } from './replication.js';
import { configurationOf, hearTime, type State } from './state.js';
import { type Configuration, invariant, type NodeId } from './types.js';

/** State as of an entry, and what of the log it stands for. */
export interface Checkpoint {
  /** The entry up to which everything is applied, and its term. */
  readonly index: number;
  readonly term: number;
  /** Cluster time then, ms. */
  readonly time: number;
  /** The configuration in force at that entry, joint or not. */
  readonly configuration: Configuration;
}

/** A checkpoint that came from another replica. */
export interface Snapshot extends Checkpoint {
  /** The term of the leader that sent it: everyone who leads that or a later term has all that it stands for. */
  readonly leaderTerm: number;
}

// --- everybody ----------------------------------------------------------------------------------------------------------------------

/** Gives up entries up to `index`, whole runs only. `checkpoint` is the index of one that is flushed. */
export function compact(s: State, index: number, checkpoint: number): void {
  invariant(checkpoint <= s.applied, `a checkpoint at ${checkpoint}, applied is ${s.applied}`);
  invariant(index <= checkpoint, `entry ${index} would be purged, the checkpoint is at ${checkpoint}`);
  s.snapshot = Math.max(s.snapshot, checkpoint);
  s.log.compact(index);
  forgetConfigurations(s);
  forgetLoads(s);
}

/** The configuration in force at an entry, which must not be purged: what a checkpoint there has to tell. */
export function configurationAt(s: State, index: number): Configuration {
  invariant(index >= s.log.start.index, `entry ${index} is purged (${s.log.start.index})`);
  const found = s.configurations.findLast((one) => one.index <= index);
  return found?.configuration ?? configurationOf(s);
}

// --- the leader ---------------------------------------------------------------------------------------------------------------------

/** A follower holds a snapshot as of `index`, durably: what follows it is sent. More may have been purged meanwhile: that is found out. */
export function snapshotSent(s: State, to: NodeId, index: number): void {
  if (s.progress.get(to)?.state !== 'snapshot') return;
  invariant(index <= s.log.last, `a snapshot as of ${index} was sent, the log ends at ${s.log.last}`);
  probe(s, to, index + 1);
}

/** It came to nothing. It is begun anew when the follower has answered heartbeats for a while. */
export function snapshotFailed(s: State, to: NodeId): void {
  const progress = s.progress.get(to);
  if (progress?.state !== 'snapshot') return;
  progress.streaming = false;
  progress.sentAt = s.now;
}

// --- the follower -------------------------------------------------------------------------------------------------------------------

/**
 * May rows of a snapshot take the place of this replica's? Asked when they are durable and before they count. The leader's term has to be
 * durable here: who starts from the snapshot and listens to a deposed leader would put that one's entries behind what it never had.
 */
export function mayInstall(s: State, index: number, leaderTerm: number): boolean {
  return index > s.commit && s.role !== 'leader' && s.repair?.phase !== 'deaf' && s.durableTerm >= leaderTerm;
}

/**
 * The rows of a snapshot count from now on. False, and nothing has changed, when that much is applied already. While they were made to
 * count, entries up to there may have been committed, or this replica elected: the snapshot agrees with its log then.
 */
export function install(s: State, snapshot: Snapshot): boolean {
  const { index, term, time, configuration, leaderTerm } = snapshot;
  if (index <= s.applied || s.durableTerm < leaderTerm || s.repair?.phase === 'deaf') return false;
  invariant(term <= leaderTerm, `a snapshot of term ${leaderTerm} ends in term ${term}`);
  const agrees = s.log.begin({ index, term });
  invariant(agrees || (s.role !== 'leader' && s.commit < index), `entry ${index} is not that of a snapshot of ${term}`);
  if (agrees) keepSuffix(s);
  else {
    // A leader of this term has what was committed before it: what it has verified cannot be what is thrown away.
    invariant(s.verified < index, `entry ${index} is the leader's own (${s.verified}), and not that of the snapshot`);
    s.unsaved = [];
    // What is on its way to disk proves nothing of what will stand at those indexes.
    for (const save of s.saves) save.last = Math.min(save.last, index);
  }
  s.unsavedStart = { index, term };
  s.configurations.splice(
    0,
    s.configurations.length,
    { index, configuration },
    ...(agrees ? s.configurations.filter((one) => one.index > index) : []),
  );
  s.snapshot = index;
  if (s.log.lastTerm === term) hearTime(s, term, time);
  advanceCommit(s, index);
  s.applied = index;
  forgetLoads(s);
  s.out.changed = true;
  return true;
}

// What the snapshot holds need not be written any more, nor may it: it would stand behind the record of the new start.
function keepSuffix(s: State): void {
  s.unsaved = s.unsaved.filter((run) => s.log.holds(run));
  const [first] = s.unsaved;
  if (first !== undefined && first.first < s.log.first) s.unsaved[0] = s.log.behead();
}

// Of the configurations at or below the start only the last one is ever in force again.
function forgetConfigurations(s: State): void {
  while ((s.configurations[1]?.index ?? Number.POSITIVE_INFINITY) <= s.log.start.index) s.configurations.shift();
}

// Whoever waits for a run that is gone needs something else now.
function forgetLoads(s: State): void {
  for (const run of s.loading) if (!s.log.holds(run)) s.loading.delete(run);
  for (const [id, progress] of s.progress) {
    if (!progress.loading) continue;
    progress.loading = false;
    replicate(s, id);
  }
}
