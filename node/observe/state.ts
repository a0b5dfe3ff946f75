/** What a node says of itself: the state that panes and `status` show, and the rows of `sessions`. */
import type { Fault, GroupState, NodeState } from '../../protocol/client/types.js';
import { clusterName } from '../birth.js';
import type { Groups } from '../groups.js';
import type { Door } from '../network/door.js';
import type { StateKeeper } from '../state-keeper.js';
import type { Log } from '../storage/log.js';

/** Facts that only the node itself has. */
export interface NodeFacts {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly members: readonly string[];
  /** Since its start, ms. */
  readonly started_ms: number;
  /** Only of a node with fault doors. */
  readonly faults?: readonly Fault[];
}

/** A row of `sessions`. */
export interface SessionRow {
  readonly id: number;
  readonly client: string;
  /** The node that counts its TTL. */
  readonly node: string;
  readonly ttl: number;
  /** Since it was opened, cluster ms. */
  readonly age: number;
  /** Locks that it holds; of one that several of its owners share, each hold. */
  readonly locks: number;
  /** Commands of it that wait, or whose outcome it has not confirmed; not its listening for news of its locks. */
  readonly inflight: number;
  /** Since its last sign of life, cluster ms; null while nobody counts. */
  readonly silence: number | null;
}

/** Sessions in one answer. */
const SESSION_ROWS_MAX = 1000;

/** The state of a node as it is now. */
export function nodeState(groups: Groups, door: Door, log: Log, keeper: StateKeeper, facts: NodeFacts): NodeState {
  const states: Record<string, GroupState> = {};
  let leads = 0;
  for (const replica of groups.replicas()) {
    const { group, role, term, leader, commit, first, last, configuration, repairing } = replica.raft.view();
    if (role === 'leader') leads++;
    states[group] = {
      role,
      term,
      leader,
      commit,
      applied: replica.applied,
      first,
      last,
      checkpoint: keeper.checkpoints.index(group),
      repairing,
      installing: keeper.isInstalling(group),
      installed: keeper.installed(group),
      sending: keeper.sender.members(group),
      match: replica.raft.matches(),
      since_ms: Math.round(groups.since(group)),
      voters: configuration.voters,
    };
  }
  return {
    node: facts.node,
    cluster: clusterName(door.identity.cluster),
    address: door.address,
    pid: facts.pid,
    version: facts.version,
    started_ms: facts.started_ms,
    leads,
    members: facts.members.map((id) => ({
      id,
      address: id === facts.node ? door.address : door.peers.addressOf(id),
      connected: id === facts.node || door.peers.isUp(id),
    })),
    groups: states,
    sessions: groups.sessions.size,
    clients: door.clients.size,
    space: log.space(),
    bytes: { log: log.bytes(), base: keeper.base.bytes() },
    repair: keeper.repair,
    ...(facts.faults && { faults: facts.faults }),
  };
}

export function sessionRows(groups: Groups, node: string): SessionRow[] {
  const rows: SessionRow[] = [];
  const now = groups.coordination.time;
  for (const { id, client, ttl_ms, opened } of groups.sessions.all()) {
    if (rows.length === SESSION_ROWS_MAX) break;
    const silence = groups.watch.silence(id);
    const age = Math.max(0, now - opened);
    const listening = groups.locks.isListening(id) ? 1 : 0;
    const inflight = [...groups.replicas()].reduce((sum, { machine }) => sum + machine.pending(id), -listening);
    const locks = groups.locks.holdsOf(id);
    rows.push({ id, client, node, ttl: ttl_ms, age, locks, inflight, silence: silence ?? null });
  }
  return rows;
}
