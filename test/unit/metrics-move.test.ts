/** Every metric of a node moves when what it counts happens: deeds in a small simulated cluster, and the metrics that grow by each. */
import { expect } from 'chai';
import { proposalOf } from '../../node/replica.js';
import { METRIC_PREFIX, METRICS, type MetricName } from '../../protocol/metrics.js';
import { OPERATIONS } from '../../protocol/operations.js';
import type { SimulationOptions } from '../simulation/cluster.js';
import { Load, lead, led, SOON_MS, Stranger } from '../simulation/words.js';
import { PROCESS_METRICS } from './process-metrics.js';
import { WatchedCluster } from './watched-cluster.js';

const SEED = 1;

/** Rows under which a metric is told besides its own name. */
const ENDINGS: Partial<Record<string, string>> = { histogram: '_count', summary: '_count' };

/** A log that is soon given back, in small segments. */
const SMALL: SimulationOptions = {
  segment_bytes: 64 << 10,
  budgets: { memory_budget: 1 << 20, log_budget: 256 << 10 },
};

interface Deed {
  readonly options?: SimulationOptions;
  /** What happens. The cluster is up, n1 leading both groups, unless the deed is its start. */
  readonly happens: (cluster: WatchedCluster) => Promise<unknown>;
  readonly grows: readonly MetricName[];
}

const DEEDS: Record<string, Deed> = {
  'three nodes are born': {
    happens: async (cluster) => {
      cluster.start(...cluster.ids);
      await led(cluster, 'c');
      await led(cluster, 's0');
      await cluster.pass(500);
    },
    grows: [
      'up',
      'uptime_seconds',
      'turn_seconds',
      'term',
      'leads',
      'elections_started_total',
      'elections_won_total',
      'leader_changes_total',
      'entries_applied_total',
      'commit_index',
      'applied_index',
      'durable_index',
      'last_index',
      'first_index',
      'log_runs',
      'uncommitted_bytes',
      'messages_held',
      'appends_in_flight',
      'log_cache_bytes',
      'disk_append_seconds',
      'disk_sync_seconds',
      'disk_batch_bytes',
      'disk_log_bytes',
      'disk_space',
      'member_up',
      'member_received_bytes_total',
      'member_received_frames_total',
      'member_sent_bytes_total',
      'member_sent_frames_total',
      'member_outgoing_bytes',
      'connections_silent',
      'early_messages',
    ],
  },
  'a client enqueues, dequeues and asks for the size': {
    happens: async (cluster) => {
      const client = await cluster.result(cluster.client('a'));
      const queue = client.queue();
      await cluster.result(Promise.all([queue.enqueue('x'), queue.enqueue('y'), queue.dequeue(), queue.size()]));
      const waiting = [queue.dequeue(), queue.dequeue({ wait_ms: 100 })];
      await cluster.result(Promise.all(waiting));
    },
    grows: [
      'commands_total',
      'command_seconds',
      'reads_total',
      'read_seconds',
      'client_requests',
      'commands_waiting',
      'reads_waiting',
      'reads_unconfirmed',
      'proposal_entries',
      'proposed_bytes_total',
      'sessions',
      'lanes',
      'lane_bytes',
      'queue_messages',
      'queue_bytes',
      'queue_waiters',
      'client_connections',
      'client_connections_total',
      'client_received_bytes_total',
      'client_received_frames_total',
      'client_sent_bytes_total',
      'client_sent_frames_total',
      'client_outgoing_bytes',
    ],
  },
  'a command comes whose token is older than one that was seen': {
    happens: async (cluster) => {
      const client = await cluster.result(cluster.client('a'));
      await cluster.result(client.queue().enqueue('x', { fence: 'deploy:9' }));
      const late = client.queue().enqueue('y', { fence: 'deploy:5' });
      await cluster.result(late.catch(() => {}));
    },
    grows: ['fence_marks', 'fenced_total'],
  },
  'clients wait for locks of each other, until time, orders and deaths put an end to it': {
    happens: async (cluster) => {
      const a = await cluster.result(cluster.client('a'));
      const b = await cluster.result(cluster.client('b', { ttl_ms: 1000 }));
      const [mine, yours] = [a.lockContext(), b.lockContext()];
      const none = () => {};
      await cluster.result(Promise.all([mine.acquire('p'), yours.acquire(['q', 'r'])]));
      await cluster.result(mine.acquire('r', { wait_ms: 0 }).catch(none));
      await cluster.result(mine.acquire('r', { wait_ms: 100 }).catch(none));
      await cluster.result(Promise.all([mine.acquire('q').catch(none), yours.acquire('p').catch(none)]));
      await cluster.result(a.lock('short').acquire({ hold_ms: 50 }));
      await cluster.pass(200);
      await cluster.result(b.command('lock.revoke', ['p', 0]));
      await cluster.result(a.command('sem.set', ['pool', 1]));
      await cluster.result(a.semaphore('pool').acquire());
      await cluster.result(a.semaphore('pool').acquire(1, { wait_ms: 100 }).catch(none));
      cluster.killClient('b');
      await cluster.pass(3000);
    },
    grows: [
      'locks',
      'lock_holds',
      'lock_held',
      'lock_waiters',
      'lock_news',
      'lock_acquires_total',
      'lock_wait_seconds',
      'lock_hold_seconds',
      'lock_deadlocks_total',
      'lock_timeouts_total',
      'lock_revoked_total',
      'lock_held_too_long_total',
      'lock_holders_lost_total',
      'lock_contended_seconds',
      'lock_contended_requests',
      'semaphores',
      'semaphore_holders',
      'semaphore_waiters',
    ],
  },
  'a session is opened where another node leads, and its first command comes before the news of it': {
    happens: async (cluster) => {
      await lead(cluster, 'n2', 's0');
      const client = await cluster.result(cluster.client('a'));
      cluster.network.block('n1', 'n2');
      const enqueued = client.queue().enqueue('x');
      await cluster.until(() => cluster.grown.has(`${METRIC_PREFIX}commands_parked`), SOON_MS);
      cluster.network.heal();
      await cluster.result(enqueued);
    },
    grows: ['commands_parked'],
  },
  'a client falls silent': {
    happens: async (cluster) => {
      const client = await cluster.result(cluster.client('a', { ttl_ms: 1000 }));
      await cluster.result(client.queue().enqueue('x'));
      await cluster.pass(2000);
      cluster.killClient('a');
      await cluster.pass(2000);
    },
    grows: ['keepalives_total', 'sessions_expired_total'],
  },
  'the leader is cut off, and its links with it': {
    happens: async (cluster) => {
      const old = 'n1';
      cluster.isolate(old);
      await led(cluster, 's0', old);
      await cluster.until(() => !cluster.leaders('s0').includes(old), SOON_MS);
      cluster.kill('n2');
      await cluster.pass(100);
    },
    grows: ['leaderships_lost_total', 'member_links_lost_total'],
  },
  'a command comes while leadership is handed over': {
    happens: async (cluster) => {
      const client = await cluster.result(cluster.client('a'));
      const load = new Load(cluster, client, { depth: 32, pause_ms: 0 });
      await load.flows(20);
      for (const id of ['n2', 'n3', 'n1', 'n2']) {
        await lead(cluster, id, 's0');
        await load.flows(20);
      }
      await load.stop();
    },
    grows: ['proposals_refused_total'],
  },
  'somebody asks for a group that there is not': {
    happens: async (cluster) => {
      const stranger = await new Stranger(cluster, 'n1').connected();
      const { number } = OPERATIONS['queue.size'];
      const body = Buffer.from([0x90]);
      const read = { kind: 'read', correlation: 1, deadline_ms: 1000, group: 's9', name: '', fence: '' } as const;
      await stranger.ask({ ...read, operation: number, body });
    },
    grows: ['requests_refused_total'],
  },
  'an entry of a later version is committed': {
    happens: async (cluster) => {
      const leader = cluster.replica('n1', 's0');
      leader?.propose(proposalOf(Buffer.from([255, 1])), null);
      await cluster.until(() => cluster.converged('s0') === leader?.raft.log.last, SOON_MS);
    },
    grows: ['entries_ignored_total'],
  },
  'a member was away for longer than the log goes back': {
    options: SMALL,
    happens: async (cluster) => {
      cluster.kill('n3');
      await fillUp(cluster);
      cluster.start('n3');
      await cluster.until(() => cluster.grown.has(`${METRIC_PREFIX}snapshots_sent_total`), SOON_MS);
    },
    grows: [
      'checkpoint_seconds',
      'checkpoint_bytes',
      'checkpoint_index',
      'dirty_bytes',
      'base_bytes',
      'message_memory_bytes',
      'message_bodies_bytes',
      'message_index_bytes',
      'snapshots_sending',
      'snapshot_chunks',
      'snapshots_sent_total',
      'snapshot_sent_bytes_total',
      'snapshots_receiving',
      'snapshots_installed_total',
      'snapshot_received_bytes_total',
    ],
  },
  'another leads while one sends a snapshot': {
    options: SMALL,
    happens: async (cluster) => {
      cluster.kill('n3');
      await fillUp(cluster);
      cluster.onSnapshot((from, to) => {
        cluster.network.block(from, to);
        cluster.network.block(to, from);
      });
      cluster.start('n3');
      await cluster.until(() => cluster.grown.has(`${METRIC_PREFIX}snapshot_sent_bytes_total`), SOON_MS);
      await lead(cluster, 'n2', 's0');
      await cluster.until(() => cluster.grown.has(`${METRIC_PREFIX}snapshots_declined_total`), SOON_MS);
    },
    grows: ['snapshots_unsent_total', 'snapshots_declined_total'],
  },
  'a checkpoint is due and the disk is full': {
    // The log has room: it is not the first to notice.
    options: { ...SMALL, segment_bytes: 1 << 20 },
    happens: async (cluster) => {
      cluster.disk('n3').faults.leave(0);
      await fillUp(cluster);
      await cluster.until(() => cluster.grown.has(`${METRIC_PREFIX}base_full`), SOON_MS);
    },
    grows: ['base_full'],
  },
  'a node has lost its log': {
    happens: async (cluster) => {
      cluster.kill('n3');
      cluster.damaged('n3');
      cluster.lose('n3', '/n3/log');
      cluster.start('n3');
      await cluster.until(() => cluster.isUp('n3') && cluster.replica('n3', 's0')?.raft.repairing === false, SOON_MS);
    },
    grows: ['repairing', 'damage_found_total'],
  },
  'a node comes back and replays its log': {
    happens: async (cluster) => {
      cluster.kill('n3');
      cluster.start('n3');
      await cluster.until(() => (cluster.converged('s0') ?? 0) > 0, SOON_MS);
    },
    grows: ['disk_runs_read_total'],
  },
};

/** Enqueues more than the log keeps. */
async function fillUp(cluster: WatchedCluster): Promise<void> {
  const client = await cluster.result(cluster.client('a'));
  const body = 'x'.repeat(8000);
  for (let i = 0; i < 10; i++)
    await cluster.result(Promise.all(Array.from({ length: 10 }, () => client.queue().enqueue(body))));
}

describe('metrics move', function () {
  this.timeout(30_000);

  it('each in one of these tests, or of metrics-process.test.ts', () => {
    const tested = [...Object.values(DEEDS).flatMap(({ grows }) => grows), ...PROCESS_METRICS];
    expect([...tested].sort()).to.deep.equal(Object.keys(METRICS).sort());
  });

  Object.entries(DEEDS).forEach(([deed, { happens, grows, options }], nth) => {
    describe(`when ${deed}:`, () => {
      let grown: ReadonlySet<string>;

      before(async () => {
        // Slow disks: one is asked for its vote while it still writes down that it is a member.
        const cluster = new WatchedCluster(SEED, { disk_ms: nth > 0 ? 0.2 : 40, ...options });
        if (nth > 0) {
          cluster.start(...cluster.ids);
          await lead(cluster, 'n1', 'c', 's0');
        }
        cluster.begin();
        await happens(cluster);
        grown = cluster.grown;
      });

      for (const name of grows)
        it(name, () => {
          expect([...grown]).to.include(`${METRIC_PREFIX}${name}${ENDINGS[METRICS[name].kind] ?? ''}`);
        });
    });
  });
});
