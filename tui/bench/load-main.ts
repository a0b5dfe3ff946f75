/** The load process of a bench, started by it, never by hand. */
import { connect } from '../../protocol/client/index.js';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { spoken } from '../cluster/talk.js';
import { loadFigures } from './figures.js';
import type { FromLoad, LoadOrder, ToLoad } from './load-talk.js';
import { measure } from './measure.js';
import { noiseBefore } from './noise.js';
import { workloadOf } from './workload.js';

const interruption = new AbortController();

process.on('message', (message: ToLoad) => {
  if (message.type === 'stop') interruption.abort();
  else
    run(message.order, interruption.signal).then(
      () => end({ type: 'done' }),
      (error: unknown) => end({ type: 'failed', error: spoken(known(error)) }),
    );
});
// Whoever wanted the figures is gone.
process.on('disconnect', () => process.exit(1));

/** Measures each depth in turn. */
async function run(order: LoadOrder, signal: AbortSignal): Promise<void> {
  const { nodes, timeout_ms, slow_disk_ms, size, names, seconds } = order;
  const open: Cluster[] = [];
  const client = async () => {
    const one = await connect({ nodes, timeout_ms });
    open.push(one);
    return one;
  };
  try {
    const watched = { cluster: await client(), pids: new Map(Object.entries(order.pids)) };
    const clients: Cluster[] = [];
    while (clients.length < order.clients) clients.push(await client());
    const workload = workloadOf(order.kind, clients, { size, names });
    await workload.prepare();
    try {
      for (const depth of order.depths) {
        if (signal.aborted) break;
        say({ type: 'begun', depth });
        const noise = noiseBefore();
        const sample = await measure(watched, workload, { depth, seconds }, signal);
        const setting = { bench: order.kind, in_flight: depth, clients: Math.min(depth, clients.length), size, names };
        say({ type: 'measured', figures: loadFigures({ ...setting, slow_disk_ms, ...noise() }, sample) });
      }
    } finally {
      if (order.tidy) await workload.leave();
    }
    if (signal.aborted) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
  } finally {
    await Promise.all(open.map((one) => one.close()));
  }
}

function known(error: unknown): ConcordError {
  return error instanceof ConcordError ? error : new ConcordError('INTERNAL', (error as Error).stack ?? String(error));
}

function say(message: FromLoad): void {
  process.send?.(message);
}

function end(message: FromLoad): void {
  process.send?.(message, undefined, {}, () => process.exit(0));
}
