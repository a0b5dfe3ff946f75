/** `locks`: clients in processes of their own on a real cluster, everything that can go wrong, and the judgement of what they saw. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../protocol/client/index.js';
import { TestCluster } from '../integration/cluster.js';
import { now, readJournal } from './journal.js';
import { excerpt, judge, type Violation } from './judge.js';
import { Nemesis, type Toll } from './nemesis.js';
import { type Story, storyOf } from './story.js';
import { Workers } from './workers.js';

/** Sessions of the clients, ms. */
export const TTL_MS = 2000;
const LOCKS = ['alpha', 'beta', 'gamma', 'delta'];
const PROCESSES = 4;
const CLIENTS_EACH = 2;
/** Besides the TTL, until nothing is held by anybody, ms. */
const LEAK_MS = 2000;
/** Longer than any call may take, ms. */
const IDLE_MS = 60_000;
const LOOK_MS = 50;
const LIST_MAX = 100;

/** What a run came to. */
export interface LockRun {
  readonly acts: number;
  /** Acquires, by how they ended: the code, '' for granted. */
  readonly acquires: ReadonlyMap<string, number>;
  readonly toll: Toll;
  /** Longest time between two grants, ms. */
  readonly gap_ms: number;
  /** Updates of the resource that looks at tokens, and what it refused. */
  readonly fenced: { readonly written: number; readonly refused: number; readonly lost: number };
  /** The same updates of the one that does not, and those that were lost there. */
  readonly plain: { readonly written: number; readonly lost: number };
  /** Until no lock was held after all were released, ms. */
  readonly empty_ms: number;
  readonly violations: readonly Violation[];
  /** The file with the part of the history that shows the violations; '' when there are none. */
  readonly evidence: string;
}

/** Lets clients work while `rage` does its mischief; resolves with what came of it. */
export async function runLocks(
  seed: number,
  rage: (nemesis: Nemesis, cluster: TestCluster) => Promise<void>,
): Promise<LockRun> {
  const violations: Violation[] = [];
  const failed = (what: string) => violations.push({ promise: 'process', what, lock: '', at: null });
  await using cluster = await TestCluster.make({ election_ms: null, flags: ['--faults'], name: 'soak' });
  await cluster.start();
  await cluster.leader('c');
  const control = await cluster.client({ clientId: 'control' });
  await using workers = new Workers(
    { nodes: cluster.addresses, ttl_ms: TTL_MS, locks: LOCKS, seed: seed * 1000 },
    cluster.folder,
    CLIENTS_EACH,
    failed,
  );
  await workers.start(PROCESSES);
  const nemesis = new Nemesis(cluster, control, workers);
  await rage(nemesis, cluster);
  await cluster.leader('c');
  const idle = await Promise.race([workers.stop().then(() => true), sleep(IDLE_MS, false, { ref: false })]);
  if (!idle) failed(`a call has not come to its end ${IDLE_MS} ms after all was healed`);
  const empty_ms = await emptied(control, violations);
  const story = storyOf(workers.journals.map(readJournal));
  violations.push(...judge(story));
  const cells = cellsOf(workers, violations);
  const evidence = keep(seed, story, nemesis, cluster, violations);
  return { ...figuresOf(story), toll: nemesis.toll, ...cells, empty_ms, violations, evidence };
}

/** Resolves when nobody holds or waits for any lock, with how long that took. */
async function emptied(control: Cluster, violations: Violation[]): Promise<number> {
  const begun = now();
  for (;;) {
    const { value } = await control.read('lock.list', ['*', 0, LIST_MAX], { timeout_ms: 30_000 });
    const waited = now() - begun;
    const rows = value as readonly (readonly [string, ...unknown[]])[];
    const [first] = rows;
    if (first === undefined) return waited;
    if (waited > TTL_MS + LEAK_MS) {
      const found = await control.read('lock.find', [first[0]]);
      const what = `${waited.toFixed(0)} ms after all was released: ${JSON.stringify(rows)}, ${JSON.stringify(found.value)}`;
      violations.push({ promise: 'leak', what, lock: first[0], at: null });
      return waited;
    }
    await sleep(LOOK_MS);
  }
}

function cellsOf({ cells }: Workers, violations: Violation[]): Pick<LockRun, 'fenced' | 'plain'> {
  const fenced = { written: 0, refused: 0, lost: 0 };
  const plain = { written: 0, lost: 0 };
  for (const lock of LOCKS) {
    const [looks, blind] = [cells.get(`${lock} fenced`), cells.get(`${lock} plain`)];
    if (looks === undefined || blind === undefined) continue;
    fenced.written += looks.written;
    fenced.refused += looks.refused;
    fenced.lost += looks.lost;
    plain.written += blind.written;
    plain.lost += blind.lost;
    const what = `${looks.lost} of ${looks.written} updates under ${lock} were lost in spite of fences`;
    if (looks.lost !== 0) violations.push({ promise: 'lost update', what, lock, at: null });
  }
  return { fenced, plain };
}

function figuresOf({ acts }: Story): Pick<LockRun, 'acts' | 'acquires' | 'gap_ms'> {
  const acquires = new Map<string, number>();
  for (const { verb, code } of acts) if (verb === 'acquire') acquires.set(code, (acquires.get(code) ?? 0) + 1);
  const grants = acts.filter(({ verb, ending }) => verb === 'acquire' && ending === 'ok').map(({ told }) => told);
  grants.sort((a, b) => a - b);
  const gap_ms = grants.reduce((gap, at, i) => Math.max(gap, at - (grants[i - 1] ?? at)), 0);
  return { acts: acts.length, acquires, gap_ms };
}

/** Writes down what shows the violations. Returns the file. */
function keep(
  seed: number,
  story: Story,
  { deeds }: Nemesis,
  cluster: TestCluster,
  violations: readonly Violation[],
): string {
  if (violations.length === 0) return '';
  const path = join(tmpdir(), `concord-soak-${seed}-${process.pid}.txt`);
  const parts = violations.map((violation) => excerpt(story, violation));
  writeFileSync(path, [...parts, 'What was done to the cluster:', ...deeds, '', cluster.tail(), ''].join('\n'));
  return path;
}
