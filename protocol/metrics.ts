/** The catalogue of metrics: what every node measures of itself, under which name, in which unit. */

/**
 * What a metric is. A counter only rises; a gauge is what there is now, `limited` with a row of its own for what there may be
 * (`<name>_limit`); a histogram is rows `_bucket`, `_sum` and `_count`; a summary has quantiles in place of buckets.
 */
export type MetricKind = 'counter' | 'gauge' | 'limited' | 'histogram' | 'summary';

interface MetricType<K extends MetricKind, L extends string> {
  readonly kind: K;
  /** `seconds` and `bytes` end the name too; else what is counted, '' for a plain number. */
  readonly unit: string;
  readonly labels: readonly L[];
  readonly help: string;
}

const of =
  <K extends MetricKind>(kind: K) =>
  <const L extends string>(unit: string, labels: readonly L[], help: string): MetricType<K, L> => ({
    kind,
    unit,
    labels,
    help,
  });
const counter = of('counter');
const gauge = of('gauge');
const limited = of('limited');
const histogram = of('histogram');
const summary = of('summary');

/** What every name begins with outside this catalogue. */
export const METRIC_PREFIX = 'concord_';

/** Every metric, in the order in which they are shown. */
export const METRICS = {
  // The node and its process.
  up: gauge('', [], '1: the node answers. The terminal puts 0 for one that does not.'),
  uptime_seconds: gauge('seconds', [], 'Since the node was started.'),
  start_time_seconds: gauge('seconds', [], 'When its process was started, Unix time.'),
  cpu_seconds_total: counter(
    'seconds',
    ['mode'],
    'Time that its process has spent on processors, by mode: user, system.',
  ),
  resident_memory_bytes: gauge('bytes', [], 'Memory that its process occupies.'),
  heap_used_bytes: gauge('bytes', [], 'JavaScript heap in use.'),
  heap_total_bytes: gauge('bytes', [], 'JavaScript heap taken from the system.'),
  external_memory_bytes: gauge('bytes', [], 'Memory of buffers outside that heap.'),
  event_loop_delay_seconds: summary('seconds', [], 'How late timers of the event loop are.'),
  turn_seconds: histogram(
    'seconds',
    [],
    'Length of turns, from the first thing that happens to the last that is let out.',
  ),

  // What clients ask for.
  commands_total: counter(
    'commands',
    ['operation', 'outcome'],
    'Commands answered: done, refused by the state machine, pending (in a line; its outcome comes later), failed (not executed), unknown (perhaps executed).',
  ),
  command_seconds: histogram('seconds', ['group'], 'From the arrival of a command at its leader to its answer.'),
  reads_total: counter('reads', ['operation', 'outcome'], 'Linearizable reads answered: done, refused, failed.'),
  read_seconds: histogram('seconds', ['group'], 'From the arrival of a read to its answer.'),
  keepalives_total: counter('keepalives', [], 'Signs of life of sessions that came here, whoever leads.'),
  requests_refused_total: counter(
    'requests',
    [],
    'Commands and reads that came to no group: this node is stopping or no member yet, it has no such group, or it cannot read them.',
  ),
  client_requests: limited(
    'requests',
    [],
    'Requests under way of the client that has most; at the limit it is not read.',
  ),
  commands_parked: limited('commands', [], 'Commands that wait until this node knows of their sessions.'),
  commands_waiting: limited('commands', ['group'], 'Commands proposed and not answered yet.'),
  reads_waiting: limited(
    'reads',
    ['group'],
    'Reads and keepalives that wait for a majority, or for entries to be applied.',
  ),

  fenced_total: counter(
    'commands',
    ['group'],
    'Commands refused because their fencing token was older than one seen, or than any that is held; counted where the group is led.',
  ),

  // Consensus.
  term: gauge('', ['group'], 'The term of Raft.'),
  leads: gauge('', ['group'], '1: this node leads the group.'),
  elections_started_total: counter('elections', ['group'], 'Elections in which this node stood.'),
  elections_won_total: counter('elections', ['group'], 'Elections that it won.'),
  leaderships_lost_total: counter('leaderships', ['group'], 'Times that it stopped leading, by order or not.'),
  leader_changes_total: counter('changes', ['group'], 'Leaders that it has heard of, each term counting anew.'),
  proposal_entries: histogram('entries', ['group'], 'Entries proposed together.'),
  proposed_bytes_total: counter('bytes', ['group'], 'Payload of entries proposed.'),
  proposals_refused_total: counter(
    'entries',
    ['group'],
    'Entries not taken: leadership over or being handed over, too much uncommitted.',
  ),
  entries_applied_total: counter('entries', ['group'], 'Entries applied, those of the replay at the start among them.'),
  entries_ignored_total: counter(
    'entries',
    ['group'],
    'Entries applied as nothing: of no known kind, or not well formed.',
  ),
  commit_index: gauge('', ['group'], 'Highest index known to be on a majority.'),
  applied_index: gauge('', ['group'], 'Highest index that is applied here.'),
  durable_index: gauge('', ['group'], 'Highest index that is on the disk of this node.'),
  last_index: gauge('', ['group'], 'Highest index of the log.'),
  first_index: gauge('', ['group'], 'Index of the first entry that the log still has, or would have.'),
  checkpoint_index: gauge(
    '',
    ['group'],
    'Index of the newest flushed checkpoint: it stands in for the entries that the log has no more.',
  ),
  repairing: gauge(
    '',
    ['group'],
    '1: part of what the replica held was damaged; it has no vote until it has refilled from the others.',
  ),
  uncommitted_bytes: limited(
    'bytes',
    ['group'],
    'Runs of the log beyond the commit index; above the limit a leader refuses proposals.',
  ),
  reads_unconfirmed: limited(
    'reads',
    ['group'],
    'Reads that wait for a majority, on a leader those of all nodes; more are refused.',
  ),
  messages_held: limited(
    'messages',
    ['group'],
    'Votes, requests for votes and acknowledgements that wait until what they promise is durable.',
  ),
  appends_in_flight: limited(
    'appends',
    ['group'],
    'On their way to the member that has most outstanding; at the limit the leader waits for an answer.',
  ),
  log_cache_bytes: limited(
    'bytes',
    ['group'],
    'Runs of the log in memory; what is not applied or was just read back may go beyond the limit.',
  ),

  // The disk.
  disk_append_seconds: histogram('seconds', [], 'Time until a batch is durable: room, write and sync.'),
  disk_sync_seconds: histogram('seconds', [], 'Writes of batches to the log, each a sync too.'),
  disk_batch_bytes: histogram('bytes', [], 'Runs in one batch.'),
  disk_runs_read_total: counter('runs', [], 'Runs read back from the log: to be applied, for a follower or for `log`.'),
  disk_log_bytes: limited(
    'bytes',
    [],
    'The log in all segments, beside the log budget. It goes beyond where a member is being sent what it lacks.',
  ),
  log_runs: limited(
    'runs',
    [],
    'Runs of the log, whose places are kept in memory; at the limit log is given back whatever its size.',
  ),
  disk_space: gauge('', ['state'], '1 for the state of the disk: ok, low (no room for another segment), full.'),

  // State beyond memory and log.
  checkpoint_seconds: histogram('seconds', [], 'Checkpoints written, from the beginning of each until it was flushed.'),
  checkpoint_bytes: histogram('bytes', [], 'Rows that each of them wrote.'),
  dirty_bytes: limited(
    'bytes',
    ['group'],
    'What has changed since the last checkpoint began; at the limit the next one is due.',
  ),
  base_bytes: gauge('bytes', [], 'The base on disk. It never shrinks: what is dropped makes room inside it.'),
  base_full: gauge('', [], '1: a checkpoint waits for room on the disk.'),
  message_memory_bytes: limited(
    'bytes',
    [],
    'Bodies and index of all messages, beside the part of the memory budget that is theirs. The index has to stay, and bodies that are in no checkpoint yet.',
  ),
  message_bodies_bytes: gauge('bytes', ['group'], 'Bodies of messages in memory; the others are in the base only.'),
  message_index_bytes: gauge('bytes', ['group'], 'Index of messages, in memory.'),
  snapshots_sending: limited(
    'snapshots',
    [],
    'On their way to members that need entries which the log has no more; further ones wait.',
  ),
  snapshot_chunks: limited('messages', [], 'Messages with rows of theirs that are not acknowledged.'),
  snapshots_sent_total: counter('snapshots', [], 'Sent and installed.'),
  snapshots_unsent_total: counter(
    'snapshots',
    [],
    'Begun and given up: the member or the leadership was gone, or it took too long.',
  ),
  snapshot_sent_bytes_total: counter('bytes', [], 'Rows of snapshots that were sent.'),
  snapshots_receiving: limited('snapshots', [], 'Coming in: one a group.'),
  snapshots_installed_total: counter('snapshots', [], 'Received and put in the place of what was there.'),
  snapshots_declined_total: counter(
    'snapshots',
    [],
    'Begun and given up: another one came, or it was of no use any more.',
  ),
  snapshot_received_bytes_total: counter('bytes', [], 'Rows of snapshots that came.'),
  damage_found_total: counter(
    'folders',
    ['part'],
    'Damaged data that was put aside since the process was started: the log, the base.',
  ),

  // What the state machines hold.
  sessions: limited('sessions', ['group'], 'Open sessions of the cluster.'),
  sessions_expired_total: counter(
    'sessions',
    [],
    'Sessions whose end this node has proposed because they were silent for too long.',
  ),
  lanes: limited('lanes', ['group'], 'Sessions that have run a command in the group.'),
  lane_bytes: limited('bytes', ['group'], 'Replies and outcomes kept until their sessions confirm them.'),
  fence_marks: limited(
    'locks',
    ['group'],
    'Locks whose tokens the group remembers; at the limit it takes fenced commands for no others.',
  ),
  queue_messages: limited('messages', ['group'], 'Messages in the queue.'),
  queue_bytes: limited('bytes', ['group'], 'Their bodies.'),
  queue_waiters: limited('commands', ['group'], 'Dequeues in line for a message.'),
  locks: limited(
    'locks',
    ['group'],
    'Locks that are held, waited for or kept from everybody after their holder was lost.',
  ),
  lock_holds: limited('holds', ['group'], 'Holds of all locks.'),
  lock_waiters: limited('commands', ['group'], 'Commands in line for locks.'),
  lock_news: limited('events', ['group'], 'What befell the holds of sessions and is not confirmed by them.'),
  semaphores: limited('semaphores', ['group'], 'Semaphores.'),
  semaphore_holders: limited('owners', ['group'], 'Owners that have permits of a semaphore.'),
  semaphore_waiters: limited('commands', ['group'], 'Commands in line for permits.'),

  // Locks. Every node keeps them and counts alike, from its start on; times are cluster time.
  lock_acquires_total: counter(
    'locks',
    ['mode', 'result'],
    'Locks asked for in mode s, u or x: granted at once, waited (then granted), would_block, timeout, deadlock, or refused (also given up).',
  ),
  lock_wait_seconds: histogram('seconds', [], 'Of requests that stood in line, however that ended.'),
  lock_hold_seconds: histogram('seconds', [], 'Of holds, however they ended.'),
  lock_deadlocks_total: counter('requests', [], 'Broken off because owners waited for each other in a circle.'),
  lock_timeouts_total: counter('requests', [], 'Whose time to wait was up.'),
  lock_revoked_total: counter('holds', [], "Taken away on somebody's order."),
  lock_held_too_long_total: counter('holds', [], 'Taken away because their own time was up.'),
  lock_holders_lost_total: counter('holds', [], 'Ended with their sessions.'),
  lock_held: gauge('holds', ['mode'], 'By mode.'),
  lock_contended_seconds: gauge(
    'seconds',
    ['lock'],
    'How long requests have stood in line for a lock, all together: of the 20 that were waited for longest. Never less than the truth.',
  ),
  lock_contended_requests: gauge('requests', ['lock'], 'How many requests that were.'),

  // The network.
  client_connections: limited('connections', [], 'Connections of clients.'),
  client_connections_total: counter('connections', [], 'Connections that clients have opened.'),
  client_received_bytes_total: counter('bytes', [], 'From clients.'),
  client_received_frames_total: counter('frames', [], 'From clients.'),
  client_sent_bytes_total: counter('bytes', [], 'To clients.'),
  client_sent_frames_total: counter('frames', [], 'To clients.'),
  client_outgoing_bytes: limited(
    'bytes',
    [],
    'Waiting to be sent to the client that has most; at the limit it is cut off.',
  ),
  member_up: gauge('', ['peer'], '1: the link to that member is up.'),
  member_links_lost_total: counter('links', ['peer'], 'Times that it went down.'),
  member_received_bytes_total: counter('bytes', ['peer'], 'From that member.'),
  member_received_frames_total: counter('frames', ['peer'], 'From that member.'),
  member_sent_bytes_total: counter('bytes', ['peer'], 'To that member.'),
  member_sent_frames_total: counter('frames', ['peer'], 'To that member.'),
  member_outgoing_bytes: limited('bytes', ['peer'], 'Waiting to be sent to that member; at the limit the link is cut.'),
  connections_silent: limited(
    'connections',
    [],
    'Connections that have not said hello yet; at the limit the oldest makes room.',
  ),
  early_messages: limited('messages', [], 'Messages of members that came before this node was one.'),
} as const satisfies Record<string, MetricType<MetricKind, string>>;

/** The name of a metric, without the prefix. */
export type MetricName = keyof typeof METRICS;

/** The metrics of a kind. */
export type MetricOf<K extends MetricKind> = {
  [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never;
}[MetricName];

/** The labels of a metric, each with its value. */
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>;

/** One value of a metric: its name with the prefix and, for parts of a histogram, an ending; its labels; the value. */
export type MetricRow = readonly [name: string, labels: Readonly<Record<string, string>>, value: number];
