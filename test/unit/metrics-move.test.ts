/** Every metric of a node moves when what it counts happens: deeds in a small simulated cluster, and the metrics that grow by each. */
import { expect } from 'chai';
import { proposalOf } from '../../node/replica.js';
import { METRIC_PREFIX, METRICS, type MetricName } from '../../protocol/metrics.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { Load, lead, led, SOON_MS, Stranger } from '../simulation/words.js';
import { PROCESS_METRICS } from './process-metrics.js';
import { WatchedCluster } from './watched-cluster.js';

const SEED = 1;

/** Rows under which a metric is told besides its own name. */
const ENDINGS: Partial<Record<string, string>> = { histogram: '_count', summary: '_count' };

interface Deed {
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
  'a node comes back and replays its log': {
    happens: async (cluster) => {
      cluster.kill('n3');
      cluster.start('n3');
      await cluster.until(() => (cluster.converged('s0') ?? 0) > 0, SOON_MS);
    },
    grows: ['disk_runs_read_total'],
  },
};

describe('metrics move', function () {
  this.timeout(30_000);

  it('each in one of these tests, or of metrics-process.test.ts', () => {
    const tested = [...Object.values(DEEDS).flatMap(({ grows }) => grows), ...PROCESS_METRICS];
    expect([...tested].sort()).to.deep.equal(Object.keys(METRICS).sort());
  });

  Object.entries(DEEDS).forEach(([deed, { happens, grows }], nth) => {
    describe(`when ${deed}:`, () => {
      let grown: ReadonlySet<string>;

      before(async () => {
        // Slow disks: one is asked for its vote while it still writes down that it is a member.
        const cluster = new WatchedCluster(SEED, { disk_ms: nth > 0 ? 0.2 : 40 });
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
