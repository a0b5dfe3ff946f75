/** The word about semaphores: sem. */
import { type Receipt, WAIT_MS } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call } from './call.js';

/** {name, limit, free, held}. */
export async function sem(command: CommandOf<'sem'>, call: Call): Promise<Answer> {
  const { name, action, n } = command.arguments;
  const wait_ms = action === 'acquire' ? (command.flags.wait ?? WAIT_MS) : 0;
  if (command.flags.wait !== undefined && action !== 'acquire')
    throw new ConcordError('USAGE', '--wait is for sem name acquire: nothing else waits');
  const cluster = await call.cluster();
  const asking = call.asking(call.node, wait_ms);
  const { owner } = call.locks.owner(cluster);
  switch (action) {
    case 'set':
      if (n === undefined) throw new ConcordError('USAGE', `sem ${name} set n: how many permits?`);
      return counted(await cluster.command('sem.set', [name, n], asking), name);
    case 'acquire':
      return counted(await cluster.command('sem.acquire', [owner, name, n ?? 1, wait_ms], asking), name);
    case 'release':
      return counted(await cluster.command('sem.release', [owner, name, n ?? 1], asking), name);
    default:
      return shown(await cluster.read('sem.find', [name], asking), name);
  }
}

function counted(receipt: Receipt, name: string): Answer {
  const [limit, free, held] = receipt.value as [number, number, number];
  return answerOf(receipt, { name, limit, free, held });
}

function shown(receipt: Receipt, name: string): Answer {
  if (receipt.value === null)
    throw new ConcordError('NO_SUCH_SEMAPHORE', `there is no semaphore ${name}`, { details: { name } });
  const [limit, free, holders] = receipt.value as [
    number,
    number,
    readonly (readonly [number, string, number, number])[],
  ];
  // More than the limit where that was lowered; not all holders may be told.
  const told = holders.reduce((sum, [, , , permits]) => sum + permits, 0);
  return answerOf(receipt, { name, limit, free, held: Math.max(told, limit - free) });
}
