/** A batch as it is run: every name known, every quantity a number, every command parsed once already. */
import type { Expectation } from './expectation.js';
import type { Place } from './source.js';
import type { Template } from './template.js';

/** A batch. */
export interface Batch {
  /** The file as it was named. */
  readonly file: string;
  readonly name: string;
  readonly target: Target;
  readonly clients: readonly Client[];
  /** Commands are independent of each other: a client goes on after a miss. */
  readonly goesOn: boolean;
}

/** The cluster a batch wants: one made for it, one by its addresses, or the local one. */
export type Target =
  | { readonly kind: 'temp'; readonly nodes: number }
  | { readonly kind: 'connect'; readonly addresses: readonly string[] }
  | { readonly kind: 'local' };

/** A client: a session and what it does. Clients run in parallel. */
export interface Client {
  readonly name: string;
  readonly variables: ReadonlyMap<string, unknown>;
  /** TTL of its session, ms; null for what the client library gives it. */
  readonly ttl_ms: number | null;
  readonly steps: readonly Step[];
  /** Run at its end, whatever came of its steps. */
  readonly finally: readonly Step[];
}

/** One thing a client does. */
export type Step = RunStep | DoStep | BarrierStep | SleepStep | VanishStep;

/** A step that does something by itself and is reported. */
export type Leaf = Exclude<Step, DoStep>;

/** Runs a command. */
export interface RunStep {
  readonly kind: 'run';
  /** Counted from 1 through all steps of its client. */
  readonly number: number;
  readonly place: Place;
  readonly command: Template;
  readonly expect: Expectation | null;
  /** Variables and the fields of the reply that they take. */
  readonly capture: readonly (readonly [name: string, field: string])[];
  /** Time in which the expectation has to come true; null: at the first try. */
  readonly within_ms: number | null;
  /** The client whose session runs it; null for its own. */
  readonly as: string | null;
  readonly repeat: Repeat | null;
}

/** Runs steps one after another, as often as it is told. */
export interface DoStep {
  readonly kind: 'do';
  readonly steps: readonly Step[];
  readonly repeat: Repeat | null;
}

/** Waits until every client that has this barrier has come to it. */
export interface BarrierStep {
  readonly kind: 'barrier';
  readonly number: number;
  readonly place: Place;
  readonly name: string;
}

/** Waits. */
export interface SleepStep {
  readonly kind: 'sleep';
  readonly number: number;
  readonly place: Place;
  readonly ms: number;
}

/** Cuts a client off without a word, as if its process were killed: its session ends only when its TTL is over. */
export interface VanishStep {
  readonly kind: 'vanish';
  readonly number: number;
  readonly place: Place;
  readonly client: string;
}

/** How often, and how long to wait in between. `${i}` counts from 1. */
export interface Repeat {
  readonly times: number;
  readonly pace_ms: number;
}

/** The steps that are reported, those inside `do` included. */
export function leavesOf(steps: readonly Step[]): Leaf[] {
  return steps.flatMap((step) => (step.kind === 'do' ? leavesOf(step.steps) : [step]));
}
