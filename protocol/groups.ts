/** The groups of a cluster, and which of them serves an operation, about which name. */
import { DEFAULT_QUEUE, type OperationName } from './operations.js';

/** The coordination group: sessions. */
export const COORDINATION = 'c';

/** The one shard there is as yet: the queues. */
export const SHARD = 's0';

/** The group that serves `operation`, and the name that its envelope carries. */
export function placeOf(operation: OperationName): { group: string; name: string } {
  return operation.startsWith('queue.') ? { group: SHARD, name: DEFAULT_QUEUE } : { group: COORDINATION, name: '' };
}
