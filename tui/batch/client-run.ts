/** One client of a batch while it runs. */
import type { Context } from '../session/call.js';
import { type Attempt, attempt, type Clock } from './attempt.js';
import type { Barriers } from './barriers.js';
import type { BarrierStep, Client, Leaf, Repeat, RunStep, SleepStep, Step, VanishStep } from './batch.js';
import { type Ended, replyOf } from './ended.js';
import { NoValue } from './template.js';
import { Variables } from './variables.js';

/** What a client runs in. */
export interface Surroundings {
  context(client: string): Context;
  /** Cuts a client off; its next command is that of a new one. */
  vanish(client: string): void;
  report(ended: Ended): void;
  readonly clock: Clock;
  readonly barriers: Barriers;
  /** Go on after a miss. */
  readonly goesOn: boolean;
}

/** Where in its repeats a step stands. */
interface Turn {
  /** The count of the innermost repeat, or null outside of any. */
  readonly i: number | null;
  /** The last time for this step: all repeats around it are in their last turn. */
  readonly last: boolean;
  readonly signal: AbortSignal;
}

/** What is known of a step that ran and will run again. */
interface Tally {
  readonly runs: number;
  readonly ms: number;
  /** As it would be reported if it did not run again. */
  readonly ended: Ended;
}

/** Runs the steps of one client. */
export class ClientRun {
  readonly #client: Client;
  readonly #around: Surroundings;
  readonly #variables: Variables;
  /** Steps inside repeats that have not had their last turn: each is reported once. */
  readonly #tallies = new Map<Leaf, Tally>();

  constructor(client: Client, around: Surroundings) {
    this.#client = client;
    this.#around = around;
    this.#variables = new Variables(client.variables);
  }

  /** Runs its steps up to a miss, or until the signal is aborted. */
  async steps(signal: AbortSignal): Promise<void> {
    await this.#list(this.#client.steps, { i: null, last: true, signal });
    this.#reportTallies();
  }

  /** Runs the steps at its end: each of them, whatever became of the one before. */
  async finally(signal: AbortSignal): Promise<void> {
    for (const step of this.#client.finally) await this.#step(step, { i: null, last: true, signal });
    this.#reportTallies();
  }

  /** Resolves false when nothing of this client is to follow. */
  async #list(steps: readonly Step[], turn: Turn): Promise<boolean> {
    for (const step of steps) if (!(await this.#step(step, turn))) return false;
    return true;
  }

  #step(step: Step, turn: Turn): Promise<boolean> {
    switch (step.kind) {
      case 'do':
        return this.#repeat(step.repeat, turn, (inner) => this.#list(step.steps, inner));
      case 'run':
        return this.#repeat(step.repeat, turn, (inner) => this.#run(step, inner));
      case 'barrier':
        return this.#barrier(step, turn);
      case 'sleep':
        return this.#sleep(step, turn);
      case 'vanish':
        return Promise.resolve(this.#vanish(step, turn));
    }
  }

  async #repeat(repeat: Repeat | null, turn: Turn, act: (turn: Turn) => Promise<boolean>): Promise<boolean> {
    if (repeat === null) return act(turn);
    for (let i = 1; i <= repeat.times; i++) {
      if (i > 1 && repeat.pace_ms > 0) await this.#around.clock.sleep(repeat.pace_ms, turn.signal);
      if (!(await act({ ...turn, i, last: turn.last && i === repeat.times }))) return false;
    }
    return true;
  }

  async #run(step: RunStep, turn: Turn): Promise<boolean> {
    if (turn.signal.aborted) return false;
    const { clock, context } = this.#around;
    const started = clock.now();
    const lookup = this.#variables.lookup(turn.i);
    let tried: Attempt;
    try {
      const surroundings = context(step.as ?? this.#client.name);
      tried = await attempt(step, lookup, surroundings, clock, turn.signal);
    } catch (error) {
      // A capture that was skipped: only steps of `finally` can meet it.
      if (error instanceof NoValue) return true;
      throw error;
    }
    const { reply, expected, difference, tries } = tried;
    const why = tried.why ?? (difference === null ? this.#variables.capture(step, reply, lookup) : null);
    const outcome = difference === null && why === null ? 'held' : turn.signal.aborted ? 'stopped' : 'missed';
    return this.#end(step, turn, { outcome, reply, expected, difference, why, tries }, clock.now() - started);
  }

  async #barrier(step: BarrierStep, turn: Turn): Promise<boolean> {
    if (turn.signal.aborted) return false;
    const { barriers, clock } = this.#around;
    const started = clock.now();
    const why = await barriers.arrive(step.name, this.#client.name);
    const ms = clock.now() - started;
    const outcome = why === null ? 'held' : turn.signal.aborted ? 'stopped' : 'missed';
    return this.#end(step, turn, { ...QUIET, outcome, reply: replyOf(`barrier ${step.name}`, ms), why }, ms);
  }

  async #sleep(step: SleepStep, turn: Turn): Promise<boolean> {
    if (turn.signal.aborted) return false;
    const { clock } = this.#around;
    const started = clock.now();
    await clock.sleep(step.ms, turn.signal);
    const ms = clock.now() - started;
    const outcome = turn.signal.aborted ? 'stopped' : 'held';
    return this.#end(step, turn, { ...QUIET, outcome, reply: replyOf(`sleep ${step.ms}ms`, ms) }, ms);
  }

  #vanish(step: VanishStep, turn: Turn): boolean {
    if (turn.signal.aborted) return false;
    const { clock } = this.#around;
    const started = clock.now();
    this.#around.vanish(step.client);
    const ms = clock.now() - started;
    return this.#end(step, turn, { ...QUIET, outcome: 'held', reply: replyOf(`vanish ${step.client}`, ms) }, ms);
  }

  /** Notes a run of a step, and reports the step if this was its last. Returns whether the client goes on. */
  #end(step: Leaf, turn: Turn, result: Pick<Ended, keyof typeof QUIET | 'outcome' | 'reply'>, ms: number): boolean {
    const before = this.#tallies.get(step);
    const runs = (before?.runs ?? 0) + 1;
    const all_ms = (before?.ms ?? 0) + ms;
    const ended: Ended = { ...result, client: this.#client.name, step, runs, ms: all_ms };
    if (turn.last || result.outcome !== 'held') {
      this.#tallies.delete(step);
      if (result.outcome !== 'held') this.#reportTallies();
      this.#around.report(ended);
    } else {
      this.#tallies.set(step, { runs, ms: all_ms, ended });
    }
    return result.outcome === 'held' || (result.outcome === 'missed' && this.#around.goesOn);
  }

  #reportTallies(): void {
    for (const { ended } of this.#tallies.values()) this.#around.report(ended);
    this.#tallies.clear();
  }
}

/** Nothing was expected, and nothing is to be said. */
const QUIET = { expected: null, difference: null, why: null, tries: 1 } as const;
