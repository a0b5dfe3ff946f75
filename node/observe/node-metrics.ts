/** Everything that a node measures: which number of which of its parts each metric is. */

import { LIMITS } from '../../protocol/limits.js';
import { lockModeName } from '../../protocol/operations.js';
import { dirtyMax, RUNS_MAX } from '../checkpoints.js';
import { type Commands, PARKED_MAX } from '../commands.js';
import type { Disk } from '../disk.js';
import type { Groups } from '../groups.js';
import { type Door, SILENT_MAX } from '../network/door.js';
import { HELD_KINDS } from '../raft/durability.js';
import { lastOf } from '../raft/run.js';
import type { RaftSettings } from '../raft/types.js';
import { READS_MAX, type Replica } from '../replica.js';
import { ACQUIRE_RESULTS } from '../services/locks/counts.js';
import { MODES } from '../services/locks/modes.js';
import type { HoldingName } from '../services/machine.js';
import { CHUNKS_IN_FLIGHT_MAX, SENDING_MAX } from '../snapshots/sender.js';
import { BODIES_SHARE, type StateKeeper } from '../state-keeper.js';
import type { Log } from '../storage/log.js';
import type { Turn } from '../turn.js';
import { Metrics } from './metrics.js';
import type { ProcessProbe } from './process.js';

/** The parts of a node. */
export interface Parts {
  readonly groups: Groups;
  readonly commands: Commands;
  readonly turn: Turn;
  readonly disk: Disk;
  readonly log: Log;
  readonly keeper: StateKeeper;
  readonly door: Door;
  readonly settings: RaftSettings;
  readonly process: ProcessProbe | undefined;
  /** Since its start, ms. */
  uptime(): number;
  /** Messages of members that wait until it is one. */
  early(): number;
  readonly early_max: number;
}

/** The metrics of a node. */
export function nodeMetrics(parts: Parts): Metrics {
  const metrics = new Metrics();
  metrics.add('up', {}, () => 1);
  metrics.add('uptime_seconds', {}, () => Math.round(parts.uptime()) / 1000);
  if (parts.process !== undefined) addProcess(metrics, parts.process);
  metrics.histogram('turn_seconds', {}, parts.turn.lengths);
  addRequests(metrics, parts);
  for (const replica of parts.groups.replicas()) {
    addReplica(metrics, replica, parts.settings);
    addHoldings(metrics, replica);
  }
  addKept(metrics, parts);
  metrics.add('sessions_expired_total', {}, () => parts.groups.watch.expired);
  addLocks(metrics, parts.groups);
  addDisk(metrics, parts);
  addClients(metrics, parts.door);
  addMembers(metrics, parts);
  return metrics;
}

/** What a process tells of itself. */
export function addProcess(metrics: Metrics, process: ProcessProbe): void {
  metrics.add('start_time_seconds', {}, () => process.started);
  metrics.add('cpu_seconds_total', { mode: 'user' }, () => process.cpu().user);
  metrics.add('cpu_seconds_total', { mode: 'system' }, () => process.cpu().system);
  metrics.add('resident_memory_bytes', {}, () => process.memory().resident);
  metrics.add('heap_used_bytes', {}, () => process.memory().heapUsed);
  metrics.add('heap_total_bytes', {}, () => process.memory().heapTotal);
  metrics.add('external_memory_bytes', {}, () => process.memory().external);
  metrics.summary('event_loop_delay_seconds', {}, process.loopDelay);
}

function addRequests(metrics: Metrics, { groups, commands, door }: Parts): void {
  metrics.tally('commands_total', groups.commands);
  metrics.tally('reads_total', groups.reads);
  metrics.add('keepalives_total', {}, () => groups.keepalives);
  metrics.add('requests_refused_total', {}, () => commands.misdirected + groups.misdirected);
  metrics.limited('client_requests', {}, LIMITS.requests_max, () => door.clients.busiest);
  metrics.limited('commands_parked', {}, PARKED_MAX, () => commands.parked);
}

function addReplica(metrics: Metrics, replica: Replica, settings: RaftSettings): void {
  const { raft, counts } = replica;
  const { leadership } = counts;
  const labels = { group: raft.id };
  metrics.histogram('command_seconds', labels, counts.commandTimes);
  metrics.histogram('read_seconds', labels, counts.readTimes);
  // Every client may have so many under way, and all of them in one group.
  const requests_max = LIMITS.connections_max * LIMITS.requests_max;
  metrics.limited('commands_waiting', labels, requests_max, () => replica.commandsWaiting);
  metrics.limited('reads_waiting', labels, READS_MAX, () => replica.readsWaiting);
  metrics.add('fenced_total', labels, () => counts.fenced);
  metrics.add('term', labels, () => raft.term);
  metrics.add('leads', labels, () => Number(raft.leads));
  metrics.add('elections_started_total', labels, () => leadership.started);
  metrics.add('elections_won_total', labels, () => leadership.won);
  metrics.add('leaderships_lost_total', labels, () => leadership.lost);
  metrics.add('leader_changes_total', labels, () => leadership.changes);
  metrics.histogram('proposal_entries', labels, counts.proposals);
  metrics.add('proposed_bytes_total', labels, () => counts.proposedBytes);
  metrics.add('proposals_refused_total', labels, () => counts.proposalsRefused);
  metrics.add('entries_applied_total', labels, () => counts.applied);
  metrics.add('entries_ignored_total', labels, () => replica.machine.ignored);
  metrics.add('commit_index', labels, () => raft.commit);
  metrics.add('applied_index', labels, () => replica.applied);
  metrics.add('durable_index', labels, () => raft.log.durable);
  metrics.add('last_index', labels, () => raft.log.last);
  metrics.add('first_index', labels, () => raft.log.first);
  metrics.add('repairing', labels, () => Number(raft.repairing));
  metrics.limited('uncommitted_bytes', labels, settings.uncommitted_bytes_max, () => uncommittedBytes(replica));
  metrics.limited('reads_unconfirmed', labels, settings.reads_max, () => raft.load().reads);
  metrics.limited('messages_held', labels, LIMITS.members_max * HELD_KINDS, () => raft.load().held);
  metrics.limited('appends_in_flight', labels, settings.appends_in_flight_max, () => raft.load().appends);
  metrics.limited('log_cache_bytes', labels, settings.log_cache_bytes_max, () => raft.log.cached);
}

function uncommittedBytes({ raft }: Replica): number {
  let bytes = 0;
  for (let run = raft.log.runAt(raft.commit + 1); run !== undefined; run = raft.log.runAt(lastOf(run) + 1))
    bytes += run.size;
  return bytes;
}

function addHoldings(metrics: Metrics, replica: Replica): void {
  const labels = { group: replica.raft.id };
  for (const [key, { limit }] of Object.entries(replica.machine.holdings())) {
    const name = key as HoldingName;
    metrics.limited(name, labels, limit, () => replica.machine.holdings()[name]?.held ?? 0);
  }
}

function addLocks(metrics: Metrics, groups: Groups): void {
  const counts = groups.lockCounts;
  for (const number of MODES) {
    const mode = lockModeName(number);
    for (const result of ACQUIRE_RESULTS)
      metrics.add('lock_acquires_total', { mode, result }, () => counts.acquiresIn(number, result));
    metrics.add('lock_held', { mode }, () => groups.locks.heldIn(number));
  }
  metrics.histogram('lock_wait_seconds', {}, counts.waits);
  metrics.histogram('lock_hold_seconds', {}, counts.holds);
  metrics.add('lock_deadlocks_total', {}, () => counts.deadlocks);
  metrics.add('lock_timeouts_total', {}, () => counts.timeouts);
  metrics.add('lock_revoked_total', {}, () => counts.revoked);
  metrics.add('lock_held_too_long_total', {}, () => counts.heldTooLong);
  metrics.add('lock_holders_lost_total', {}, () => counts.holdersLost);
  const top = () => counts.contention.top();
  metrics.named('lock_contended_seconds', 'lock', () => top().map(({ lock, wait_ms }) => [wait_ms / 1000, lock]));
  metrics.named('lock_contended_requests', 'lock', () => top().map(({ lock, waits }) => [waits, lock]));
}

function addDisk(metrics: Metrics, { disk, log, keeper }: Parts): void {
  metrics.histogram('disk_append_seconds', {}, disk.appends);
  metrics.histogram('disk_sync_seconds', {}, log.syncs);
  metrics.histogram('disk_batch_bytes', {}, disk.batchBytes);
  metrics.add('disk_runs_read_total', {}, () => log.reads);
  metrics.limited('disk_log_bytes', {}, keeper.budgets.log_budget, () => log.bytes());
  metrics.limited('log_runs', {}, RUNS_MAX, () => keeper.checkpoints.runs);
  for (const state of ['ok', 'low', 'full'] as const)
    metrics.add('disk_space', { state }, () => Number(log.space() === state));
}

function addKept(metrics: Metrics, { groups, keeper }: Parts): void {
  const { base, budgets, checkpoints, sender, receiver, damaged } = keeper;
  metrics.histogram('checkpoint_seconds', {}, checkpoints.times);
  metrics.histogram('checkpoint_bytes', {}, checkpoints.sizes);
  for (const replica of groups.replicas()) {
    const { id } = replica.raft;
    const labels = { group: id };
    metrics.add('checkpoint_index', labels, () => checkpoints.index(id));
    metrics.limited('dirty_bytes', labels, dirtyMax(budgets), () => replica.machine.dirty);
    if (groups.messagesOf(id) === undefined) continue;
    metrics.add('message_bodies_bytes', labels, () => groups.messagesOf(id)?.resident ?? 0);
    metrics.add('message_index_bytes', labels, () => groups.messagesOf(id)?.indexed ?? 0);
  }
  metrics.limited('message_memory_bytes', {}, budgets.memory_budget * BODIES_SHARE, () => messageMemory(groups));
  metrics.add('base_bytes', {}, () => base.bytes());
  metrics.add('base_full', {}, () => Number(base.full));
  metrics.limited('snapshots_sending', {}, SENDING_MAX, () => sender.sending);
  metrics.limited('snapshot_chunks', {}, SENDING_MAX * CHUNKS_IN_FLIGHT_MAX, () => sender.inFlight);
  metrics.add('snapshots_sent_total', {}, () => sender.sent);
  metrics.add('snapshots_unsent_total', {}, () => sender.failed);
  metrics.add('snapshot_sent_bytes_total', {}, () => sender.sentBytes);
  metrics.limited('snapshots_receiving', {}, groups.multi.groups.size, () => receiver.receiving);
  metrics.add('snapshots_installed_total', {}, () => receiver.installed);
  metrics.add('snapshots_declined_total', {}, () => receiver.failed);
  metrics.add('snapshot_received_bytes_total', {}, () => receiver.receivedBytes);
  for (const part of ['log', 'base'] as const)
    metrics.add('damage_found_total', { part }, () => damaged.filter((one) => one.part === part).length);
}

function messageMemory(groups: Groups): number {
  let bytes = 0;
  for (const { resident, indexed } of groups.messages()) bytes += resident + indexed;
  return bytes;
}

function addClients(metrics: Metrics, door: Door): void {
  const { clients } = door;
  const { traffic } = clients;
  metrics.limited('client_connections', {}, door.clients_max, () => clients.size);
  metrics.add('client_connections_total', {}, () => clients.opened);
  metrics.add('client_received_bytes_total', {}, () => traffic.receivedBytes);
  metrics.add('client_received_frames_total', {}, () => traffic.receivedFrames);
  metrics.add('client_sent_bytes_total', {}, () => traffic.sentBytes);
  metrics.add('client_sent_frames_total', {}, () => traffic.sentFrames);
  metrics.limited('client_outgoing_bytes', {}, LIMITS.outgoing_bytes_max, () => clients.outgoing);
  metrics.limited('connections_silent', {}, SILENT_MAX, () => door.silent);
}

function addMembers(metrics: Metrics, { door: { peers }, early, early_max }: Parts): void {
  for (const peer of peers.ids()) {
    const traffic = peers.trafficOf(peer);
    metrics.add('member_up', { peer }, () => Number(peers.isUp(peer)));
    metrics.add('member_links_lost_total', { peer }, () => peers.lost(peer));
    metrics.add('member_received_bytes_total', { peer }, () => traffic.receivedBytes);
    metrics.add('member_received_frames_total', { peer }, () => traffic.receivedFrames);
    metrics.add('member_sent_bytes_total', { peer }, () => traffic.sentBytes);
    metrics.add('member_sent_frames_total', { peer }, () => traffic.sentFrames);
    metrics.limited('member_outgoing_bytes', { peer }, LIMITS.outgoing_bytes_max, () => peers.outgoing(peer));
  }
  metrics.limited('early_messages', {}, early_max, early);
}
