/** One measurement: load at one depth until all the time has been measured, in several stretches when the cluster fills up meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { Histogram } from './histogram.js';
import { closeMark, electionsBetween, openMark, type Spent, spentBetween, together } from './marks.js';
import { Pipeline } from './pipeline.js';
import { rssAnonOf } from './proc.js';
import type { Workload } from './workload.js';

/** Load before each stretch that counts, ms: code gets compiled, buffers and windows grow. */
export const WARM_UP_MS = 2000;
const WARM_UP_STEP_MS = 20;

/** The cluster as it is watched while it is under load. */
export interface Watched {
  /** A client that makes none of the calls. */
  readonly cluster: Pick<Cluster, 'members' | 'admin' | 'leaderOf'>;
  /** Of the nodes on this machine. */
  readonly pids: ReadonlyMap<string, number>;
}

/** What was measured at one depth. */
export interface Sample {
  /** What was answered in the time that counts. */
  readonly latencies: Histogram;
  readonly spent: Spent;
  /** From the release of a lock to the next holder; null where there is no such thing. */
  readonly handOvers: Histogram | null;
  /** The leader of the group that has most to do, at its end, or ''. */
  readonly leader: string;
  /** From the first call to the last, the ones that do not count among them. */
  readonly elections: number;
  /** Failed calls by code, those that do not count among them. */
  readonly failures: ReadonlyMap<string, number>;
  /** Bytes by node at the end. */
  readonly rss_anon: ReadonlyMap<string, number>;
  /** It ended before its time. */
  readonly interrupted: boolean;
}

/**
 * Measures for so many seconds. An aborted signal ends it early: with what was measured so far, or with CANCELLED when that is
 * nothing. @throws ConcordError
 */
export async function measure(
  { cluster, pids }: Watched,
  workload: Workload,
  { depth, seconds }: { readonly depth: number; readonly seconds: number },
  signal: AbortSignal,
): Promise<Sample> {
  const wanted_ms = seconds * 1000;
  const latencies = new Histogram();
  workload.handOvers?.clear();
  const failures = new Map<string, number>();
  const first = await openMark(cluster, pids);
  let spent: Spent | null = null;
  let ended = false;
  while (!ended && !signal.aborted && (spent?.ms ?? 0) < wanted_ms) {
    await workload.makeRoom();
    const pipeline = new Pipeline({ calls: workload.callsOf(depth), depth, calls_max: workload.calls_max });
    try {
      await warmUp(pipeline, workload.calls_max, signal);
      if (signal.aborted) break;
      const from = await openMark(cluster, pids);
      pipeline.record(latencies);
      workload.count(true);
      await pass(wanted_ms - (spent?.ms ?? 0), pipeline, signal);
      pipeline.record(null);
      workload.count(false);
      const part = spentBetween(from, await closeMark(cluster, pids));
      spent = spent === null ? part : together(spent, part);
    } finally {
      pipeline.stop();
      await pipeline.ended;
      workload.made(pipeline.acknowledged + pipeline.unknown);
      for (const [code, count] of pipeline.failures) failures.set(code, (failures.get(code) ?? 0) + count);
    }
    // So many calls failed that further stretches would come to nothing either.
    ended = pipeline.exhausted;
  }
  if (spent === null) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
  return {
    latencies,
    handOvers: workload.handOvers,
    spent,
    leader: cluster.leaderOf(workload.group),
    elections: electionsBetween(first, await closeMark(cluster, pids)),
    failures,
    rss_anon: rssOf(pids),
    interrupted: signal.aborted,
  };
}

/** RssAnon of each node on this machine, bytes. */
export function rssOf(pids: ReadonlyMap<string, number>): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const [node, pid] of pids) {
    const rss = rssAnonOf(pid);
    if (rss !== null) bytes.set(node, rss);
  }
  return bytes;
}

/** Large messages fill the queue soon: most of what fits is for measuring. */
async function warmUp(pipeline: Pipeline, calls_max: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  const isWarm = () => pipeline.over || performance.now() > end || pipeline.acknowledged >= calls_max / 4;
  while (!isWarm() && !signal.aborted) await pass(WARM_UP_STEP_MS, pipeline, signal);
}

/** Lets time pass, less when the pipeline ends before or the signal is aborted. */
export async function pass(ms: number, pipeline: Pick<Pipeline, 'ended'>, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const interrupted = () => timer.abort();
  signal.addEventListener('abort', interrupted);
  if (signal.aborted) interrupted();
  await Promise.race([sleep(ms, undefined, { signal: timer.signal }).catch(() => {}), pipeline.ended]);
  signal.removeEventListener('abort', interrupted);
  timer.abort();
}
