/** The words about the processes of local nodes: start, stop, kill, restart, pause, resume. */
import { ConcordError } from '../../protocol/errors.js';
import type { NodeVerb } from '../cluster/types.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, type Call, requireNode } from './call.js';

/** {node, state, pid}. Waits as long as its keeper does, or as --timeout says. */
export async function order(command: CommandOf<NodeVerb>, call: Call): Promise<Answer> {
  const { node } = command.arguments;
  const keeper = await call.ownKeeper();
  requireNode(node, keeper.nodes);
  const ordered = call.untilAborted(keeper.order(command.word, node), false);
  const { timeout } = command.flags;
  const { id, state, pid } = await (timeout === undefined ? ordered : within(timeout, ordered));
  return { result: { node: id, state, pid } };
}

/** What `promise` comes to, or TIMEOUT. */
async function within<T>(timeout_ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConcordError('TIMEOUT')), timeout_ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
