/** `bench idle`: what a cluster costs that nobody uses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConcordError } from '../../protocol/errors.js';
import { byNode, type IdleFigures, rounded } from './figures.js';
import { closeMark, electionsBetween, openMark, spentBetween, total } from './marks.js';
import { rssOf } from './measure.js';
import { noiseBefore } from './noise.js';
import type { Target } from './target.js';

/** Watches for so many seconds, after so many of rest: V8 goes on compiling for half a minute after the start of a node. An aborted signal ends it early. @throws ConcordError CANCELLED when nothing was seen yet */
export async function benchIdle(
  { cluster, pids }: Pick<Target, 'cluster' | 'pids'>,
  { rest, seconds }: { readonly rest: number; readonly seconds: number },
  signal: AbortSignal,
): Promise<IdleFigures> {
  await pause(rest * 1000, signal);
  if (signal.aborted) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
  const noise = noiseBefore();
  const from = await openMark(cluster, pids);
  await pause(seconds * 1000, signal);
  const to = await closeMark(cluster, pids);
  const { ms, nodes, syncs, others_us } = spentBetween(from, to);
  const percent = (us: number) => rounded(us / ms / 10, 2);
  const together = [...nodes.values()].reduce((sum, time) => sum + total(time), 0);
  return {
    bench: 'idle',
    rest,
    seconds: rounded(ms / 1000, 3),
    interrupted: signal.aborted,
    cpu_percent: nodes.size === 0 ? null : percent(together),
    cpu_percent_of: byNode(nodes, (time) => percent(total(time))),
    other_cores: others_us === null ? null : rounded(others_us / ms / 1000, 2),
    syncs_per_s: byNode(syncs, (count) => rounded((count / ms) * 1000, 2)),
    rss_anon_bytes: byNode(rssOf(pids), (bytes) => bytes),
    elections: electionsBetween(from, to),
    ...noise(),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
