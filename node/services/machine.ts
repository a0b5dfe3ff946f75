/** What a replicated state machine is: the shape that the services share and the node drives. Pure and deterministic. */
import type { ErrorCode, ErrorDetails } from '../../protocol/errors.js';

/** Where in the log an entry stands, given to everything that is applied. */
export interface Position {
  readonly index: number;
  readonly term: number;
  /** Cluster time of the run that holds the entry, ms. Never goes back within a group. */
  readonly time: number;
}

/** What a command or a read came to. `bytes` is a MessagePack value. A refusal is definite: nothing was changed. */
export type Outcome =
  | { readonly form: 'result'; readonly bytes: Buffer }
  | { readonly form: 'refusal'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }
  /** Executed as far as taking its place in a queue; `Effects.settle` tells the rest later. */
  | { readonly form: 'pending' };

/** A command as the services see it. */
export interface Command {
  readonly session: number;
  /** Number of the command in its (session, group) lane. */
  readonly lane: number;
  readonly operation: number;
  readonly name: string;
  readonly body: Buffer;
}

/** What applying an entry may cause besides its own outcome. */
export interface Effects {
  /** A pending command came to its end. */
  settle(session: number, lane: number, outcome: Outcome): void;
}

/** One service of a group: queues, sessions, later locks. All state that outlives an entry stands in tables. */
export interface Service {
  /** True when this service knows the operation. */
  serves(operation: number): boolean;
  /** Executes a command. Total: bad input is a refusal, never a throw. */
  apply(command: Command, at: Position, effects: Effects): Outcome;
  /** Answers a read from applied state. */
  read(operation: number, body: Buffer): Outcome;
  /** Gives up the pending command of (session, lane); false when it is not pending here. The caller answers it. */
  abandon(session: number, lane: number): boolean;
  /** Sessions ended: what they held or waited for goes. */
  sessionsEnded(sessions: readonly number[], at: Position, effects: Effects): void;
  /** Cluster time has moved: settle what has run out. Called before each entry. */
  advance(at: Position, effects: Effects): void;
  /** The earliest cluster time at which `advance` would do something, or Infinity. */
  deadline(): number;
}
