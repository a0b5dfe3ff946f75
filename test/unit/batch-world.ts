/** Batches played on a fake cluster, in a time that passes only where a batch waits. */

import { encode } from '../../protocol/codec.js';
import type { ConcordError } from '../../protocol/errors.js';
import type { Clock } from '../../tui/batch/attempt.js';
import type { Batch } from '../../tui/batch/batch.js';
import type { Ended, Totals } from '../../tui/batch/ended.js';
import { parseBatch } from '../../tui/batch/read.js';
import { runBatch } from '../../tui/batch/run-batch.js';
import type { Context } from '../../tui/session/call.js';
import { type Answers, type Asked, bodyOf, contextOf, FakeCluster, FakeKeeper, statusBut } from './terminal-fakes.js';

/** What a played batch came to. */
export interface Played {
  readonly batch: Batch;
  readonly ended: readonly Ended[];
  readonly totals: Totals;
  /** Each step as `client command outcome`. */
  readonly lines: readonly string[];
}

/** How it is played. */
export interface PlayOptions {
  readonly cluster?: FakeCluster | ConcordError;
  readonly stopOnError?: boolean;
  readonly file?: string;
  /** Called before the first step, with the ways to interrupt once and twice. */
  readonly interrupts?: (once: () => void, twice: () => void) => void;
  /** Gets the way to let time pass besides. */
  readonly clock?: (pass: (ms: number) => void) => void;
  /** Told of each session that is asked for. */
  readonly onContext?: (client: string) => void;
  /** Told of each client that vanishes. */
  readonly onVanish?: (client: string) => void;
}

/** Plays the batch in `text`, YAML unless the file is said to be another. */
export async function play(text: string, options: PlayOptions = {}): Promise<Played> {
  const batch = parseBatch(text, options.file ?? 'b.yaml', { set: new Map() });
  const [interrupt, hurry] = [new AbortController(), new AbortController()];
  options.interrupts?.(
    () => interrupt.abort(),
    () => hurry.abort(),
  );
  const time = new JumpingClock();
  options.clock?.((ms) => time.pass(ms));
  const shared = contextOf(options.cluster ?? queueCluster(), new FakeKeeper());
  const contexts = new Map<string, Context>();
  const ended: Ended[] = [];
  const totals = await runBatch(batch, {
    context: (client) => {
      options.onContext?.(client);
      const known = contexts.get(client) ?? { ...shared };
      contexts.set(client, known);
      return known;
    },
    vanish: (client) => {
      options.onVanish?.(client);
    },
    report: (one) => {
      ended.push(one);
      return !(options.stopOnError === true && one.outcome === 'missed');
    },
    clock: time,
    interrupt: interrupt.signal,
    hurry: hurry.signal,
  });
  const lines = ended.map(({ client, reply, outcome }) => `${client} ${reply.command} ${outcome}`);
  return { batch, ended, totals, lines };
}

/** A cluster whose queue is a list, for real; `more` answers come first. */
export function queueCluster(more: Answers = {}): FakeCluster {
  const bodies: unknown[] = [];
  return new FakeCluster({
    'queue.enqueue': (asked: Asked) => bodies.push(bodyOf(asked)),
    'queue.dequeue': () => (bodies.length === 0 ? null : [1, encode(bodies.shift())]),
    'queue.size': () => bodies.length,
    status: statusBut(),
    ...more,
  });
}

/** A clock that jumps to the end of every pause. */
class JumpingClock implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    // Others get their turn, as in a real pause.
    await new Promise((resolve) => setImmediate(resolve));
    if (!signal.aborted) this.pass(ms);
  }
}
