/** A leader's term of office: its beginning, its watch over itself, and handing over (thesis 3.10). */
import { Progress } from './progress.js';
import { isVoter, reached } from './quorum.js';
import { appendOwn, replicate, replicateAll } from './replication.js';
import { clusterTime, configurationOf, follow, others, type State, send } from './state.js';
import { invariant, NOOP, type NodeId } from './types.js';

/**
 * Who has answered no heartbeat sent within so many intervals is no heir: it may stand still behind a link that is up. Where intervals
 * are short it is a quarter of an election timeout, since contact is noted less often than that (multi.ts).
 */
const HEIR_HEARTBEATS_MAX = 3;

/** A won election. The no-op commits what earlier terms left, and only after it may reads be answered (paper 5.4.2, 8). */
export function becomeLeader(s: State): void {
  invariant(s.role !== 'leader', 'a leader is elected once in a term');
  s.role = 'leader';
  s.leader = s.self;
  s.attempts = 0;
  s.transferring = false;
  s.electionAt = Number.POSITIVE_INFINITY;
  s.timeAt = s.now;
  s.transfer = null;
  s.uncommittedBytes = 0;
  s.progressAt = s.now;
  s.quorumCheckAt = s.now + s.settings.election_ms;
  s.out.changed = true;
  s.progress.clear();
  for (const id of others(s)) s.progress.set(id, new Progress(s.log.last + 1, s.now, s.connected.has(id)));
  s.termStart = s.log.last + 1;
  appendOwn(s, [{ kind: NOOP, payload: Buffer.alloc(0) }]);
  replicateAll(s);
}

/**
 * Begins handing leadership to `to`. False when it cannot: not leader, not a connected voter, or a transfer is under way. Proposals are
 * refused from here until the heir has won, its link is gone or an election timeout has passed.
 */
export function beginTransfer(s: State, to: NodeId): boolean {
  const progress = s.progress.get(to);
  if (s.role !== 'leader' || s.transfer !== null || progress === undefined || !progress.connected) return false;
  if (!isVoter(configurationOf(s), to) || progress.repairing) return false;
  s.transfer = { to, until: s.now + s.settings.election_ms, told: false };
  replicate(s, to);
  tellHeir(s);
  return true;
}

/** Tells the heir to begin once it has everything. Called whenever it acknowledges. */
export function tellHeir(s: State): void {
  if (s.transfer === null || s.transfer.told) return;
  const progress = s.progress.get(s.transfer.to);
  if (progress?.match !== s.log.last || progress.repairing) return;
  s.transfer.told = true;
  send(s, s.transfer.to, { kind: 'timeout_now', group: s.group, term: s.term });
}

/** The voter with the longest durable log of those that are connected and were heard lately, or '': whom to hand over to. */
export function bestHeir(s: State): NodeId {
  const { heartbeat_ms, election_ms } = s.settings;
  const heardSince = s.now - Math.max(HEIR_HEARTBEATS_MAX * heartbeat_ms, election_ms / 4);
  let best = '';
  let match = -1;
  for (const [id, progress] of s.progress) {
    if (!progress.connected || progress.contactAt < heardSince) continue;
    // Who has no vote cannot win, and who waits for a snapshot is far behind.
    if (progress.repairing || progress.state === 'snapshot') continue;
    if (!isVoter(configurationOf(s), id) || progress.match <= match) continue;
    best = id;
    match = progress.match;
  }
  return best;
}

/** A leader's look at itself. */
export function watchOver(s: State): void {
  clusterTime(s);
  if (s.transfer !== null && s.now >= s.transfer.until) s.transfer = null;
  if (s.now < s.quorumCheckAt) return;
  s.quorumCheckAt = s.now + s.settings.election_ms / 4;
  if (!hearsQuorum(s)) follow(s, s.term, '', 'no majority answers');
  else if (isStuck(s) && s.transfer === null) beginTransfer(s, bestHeir(s));
}

/** When `watchOver` has to be called next. */
export function watchDeadline(s: State): number {
  return Math.min(s.quorumCheckAt, s.transfer?.until ?? Number.POSITIVE_INFINITY);
}

// Every voter in a majority has answered a heartbeat sent within an election timeout (CheckQuorum, thesis 6.2).
function hearsQuorum(s: State): boolean {
  const oldest = reached(configurationOf(s), (id) =>
    id === s.self ? s.now : (s.progress.get(id)?.contactAt ?? Number.NEGATIVE_INFINITY),
  );
  return s.now - oldest < s.settings.election_ms;
}

// Health is progress, not heartbeats: a disk that does not sync or entries that do not commit are a reason to go.
function isStuck(s: State): boolean {
  const oldestSave = s.saves[0]?.since ?? s.now;
  const waitingSince = Math.min(oldestSave, s.commit < s.log.last ? s.progressAt : s.now);
  return s.now - waitingSince > s.settings.election_ms;
}
