/**
 * The keeper's program, started by a terminal, never by hand. It answers once on descriptor 3: {"ready": true}, {"held": pid} when
 * another keeper has the folder, or {"error": ...}; then it has nothing more to do with the terminal that started it.
 */
import { closeSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { ConcordError } from '../../protocol/errors.js';
import { type KeeperPlan, NodeKeeper } from './keeper.js';
import { takeLock } from './lock.js';
import { freeAddresses } from './ports.js';
import { socketPath } from './socket-path.js';
import { spoken } from './talk.js';
import { sweepTemp } from './temp-folders.js';
import { FAULT_DOORS } from './types.js';

/** A temporary cluster without a configuration. */
const TEMP = { nodes: '3', stop_grace_ms: 5000 } as const;

const { values } = parseArgs({
  options: {
    'keeper-of': { type: 'string', default: '' },
    config: { type: 'string', default: '' },
    program: { type: 'string', default: '' },
    temp: { type: 'boolean', default: false },
    nodes: { type: 'string', default: TEMP.nodes },
    stay: { type: 'boolean', default: false },
    faults: { type: 'string', default: 'off' },
  },
});

try {
  const folder = values['keeper-of'];
  const socket = socketPath(folder);
  const holder = takeLock(folder, socket);
  if (holder !== null) {
    answer({ held: holder.pid });
    process.exit(0);
  }
  const keeper = new NodeKeeper(await plan(folder, socket), log);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => keeper.end(`received ${signal}`));
  await keeper.open();
  answer({ ready: true });
  const ended = keeper.run();
  if (values.temp) await sweepTemp(folder);
  await ended;
  process.exit(0);
} catch (error) {
  log(String(error instanceof Error ? error.stack : error));
  const known =
    error instanceof ConcordError ? error : new ConcordError('START_FAILED', `The keeper did not start: ${error}`);
  answer({ error: spoken(known) });
  process.exit(1);
}

async function plan(folder: string, socket: string): Promise<KeeperPlan> {
  const { config, program, temp, stay } = values;
  const faults = FAULT_DOORS.find((one) => one === values.faults) ?? 'off';
  const rest = { folder, socket, program, temp, stay, faults };
  if (config === '') {
    const ids = Array.from({ length: Number(values.nodes) }, (_, i) => `n${i + 1}`);
    const budgets = { memory_budget: null, log_budget: null };
    return { ...(await tempCluster(folder, ids)), stop_grace_ms: TEMP.stop_grace_ms, budgets, ...rest };
  }
  // Loaded only when there is something to read: yaml and zod take longer than everything else here.
  const { readConfig } = await import('./config.js');
  const { cluster, nodes, stop_grace_ms, budgets } = readConfig(config);
  if (!temp) return { cluster, nodes, stop_grace_ms, budgets, ...rest };
  const ids = nodes.map(({ id }) => id);
  return { ...(await tempCluster(folder, ids)), stop_grace_ms, budgets, ...rest };
}

/** Its name is as unique as its folder: no node or client ever takes it for another cluster that had the same ports before. */
async function tempCluster(folder: string, ids: readonly string[]): Promise<Pick<KeeperPlan, 'cluster' | 'nodes'>> {
  const addresses = await freeAddresses(ids.length);
  const nodes = ids.map((id, i) => ({ id, address: addresses[i] ?? '' }));
  return { cluster: `temp-${basename(folder).slice(-6)}`, nodes };
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${process.pid} ${line}\n`);
}

function answer(message: object): void {
  try {
    writeSync(3, `${JSON.stringify(message)}\n`);
    closeSync(3);
  } catch {
    // The terminal that started this keeper is gone, or has its answer already.
  }
}
