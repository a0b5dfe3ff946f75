/**
 * A process with some clients of the soak: `lock-worker <plan as JSON>`. It says "ready", works until it is told "stop", says "idle" when
 * nothing is held any more, keeps its sessions, and ends when it is told "end" or its parent is gone.
 */
import { connect } from '../../protocol/client/index.js';
import type { CellReply, CellRequest } from './cell.js';
import { Dice } from './dice.js';
import { Journal } from './journal.js';
import { LockClient } from './lock-client.js';

/** Time for a first connection, ms: nodes may be down for a while. */
const CONNECT_MS = 60_000;

/** What a worker is started with. */
export interface WorkerPlan {
  readonly nodes: readonly string[];
  readonly ttl_ms: number;
  readonly clients: readonly string[];
  readonly locks: readonly string[];
  readonly seed: number;
  /** The journal it writes. */
  readonly journal: string;
}

/** What a worker tells its parent. */
export type FromWorker =
  | { readonly say: 'ready' | 'idle' }
  | { readonly say: 'cell'; readonly id: number; readonly request: CellRequest };

/** What it is told. */
export type ToWorker =
  | { readonly say: 'stop' | 'end' }
  | { readonly say: 'cell'; readonly id: number; readonly reply: CellReply };

async function work({ nodes, ttl_ms, clients, locks, seed, journal: path }: WorkerPlan): Promise<void> {
  const journal = new Journal(path);
  const asked = new Map<number, (reply: CellReply) => void>();
  let requests = 0;
  let ops = 0;
  const cell = (request: CellRequest) =>
    new Promise<CellReply>((resolve) => {
      asked.set(++requests, resolve);
      tell({ say: 'cell', id: requests, request });
    });
  const connected = await Promise.all(
    clients.map((clientId) => connect({ nodes, ttl_ms, clientId, timeout_ms: CONNECT_MS })),
  );
  const running = connected.map(
    (cluster, i) => new LockClient({ cluster, locks, dice: new Dice(seed + i), journal, nextOp: () => ++ops, cell }),
  );
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: ToWorker) => {
    if (message.say === 'cell') {
      asked.get(message.id)?.(message.reply);
      asked.delete(message.id);
    } else if (message.say === 'stop') for (const client of running) client.stop();
    else void Promise.all(connected.map((cluster) => cluster.close())).then(() => process.exit(0));
  });
  tell({ say: 'ready' });
  await Promise.all(running.map((client) => client.run()));
  tell({ say: 'idle' });
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

await work(JSON.parse(process.argv[2] ?? '') as WorkerPlan);
