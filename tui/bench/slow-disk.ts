/** Slow disks for the time of a bench, through the fault doors of the nodes. */
import type { Cluster } from '../../protocol/client/types.js';

/** Has every sync of every node take at least so long while `work` goes on. @throws ConcordError FAULTS_OFF */
export async function withSlowDisks<T>(cluster: Cluster, ms: number | null, work: () => Promise<T>): Promise<T> {
  if (ms === null) return work();
  try {
    await slow(cluster, ms);
    return await work();
  } finally {
    // A node that cannot be reached any more keeps its fault, which `faults` shows; the figures do not depend on it.
    await slow(cluster, 0).catch(() => {});
  }
}

async function slow(cluster: Cluster, ms: number): Promise<void> {
  const nodes = cluster.members.filter((member) => member.connected);
  await Promise.all(nodes.map(({ id }) => cluster.admin('slow', { ms, disk: true }, { node: id })));
}
