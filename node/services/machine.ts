/** What a replicated state machine is: the shape that the services share and the node drives. Pure and deterministic. */
import { CODES, type ErrorCode, type ErrorDetails } from '../../protocol/errors.js';

/** Where in the log an entry stands, given to everything that is applied. */
export interface Position {
  readonly index: number;
  readonly term: number;
  /** Cluster time of the run that holds the entry, ms. Never goes back within a group. */
  readonly time: number;
}

/**
 * What a command or a read came to. `bytes` is a MessagePack value. A refusal changed nothing (LANE_FORGOTTEN: not now), but for a
 * service's refusal the token of the command's fence counts as seen. LANE_GAP, WINDOW_FULL, RETRY and SESSION_EXPIRED leave the
 * command's number open, and clients send it again or give it up for that: only the lanes answer with them. A service's refusal uses
 * the number up.
 */
export type Outcome =
  | { readonly form: 'result'; readonly bytes: Buffer }
  | { readonly form: 'refusal'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }
  /** Executed as far as taking its place in a queue; `Effects.settle` tells the rest later. */
  | { readonly form: 'pending' };

/** A command as the services see it: part of its envelope. */
export interface Command {
  readonly session: number;
  /** Number of the command in its (session, group) lane. */
  readonly lane: number;
  readonly operation: number;
  readonly name: string;
  /** A slice of what came from the network or the log: whoever keeps it copies it. */
  readonly body: Buffer;
}

/** Names a command of the group. */
export interface CommandId {
  readonly session: number;
  readonly lane: number;
}

/** What applying an entry may cause besides its own outcome, and what a service may ask about the sessions it serves. */
export interface Effects {
  /** An earlier pending command came to its end. Never called for the command under way, never with a pending outcome. */
  settle(session: number, lane: number, outcome: Outcome): void;
  /** A session has ended. All services hear of it by `sessionsEnded` once the command under way is done. */
  end(session: number): void;
  /** True while the session may have one more command pending; else a command that would wait is refused WAIT_LIMIT. */
  mayWait(session: number): boolean;
  /** True while the session's unconfirmed outcomes leave room for one more; else a waiting command is settled with WAIT_LIMIT. */
  hasRoom(session: number): boolean;
}

/** Something that is kept and has a limit. */
export interface Holding {
  readonly held: number;
  readonly limit: number;
}

/** What may be kept. */
export type HoldingName =
  | 'sessions'
  | 'lanes'
  | 'lane_bytes'
  | 'fence_marks'
  | 'queue_messages'
  | 'queue_bytes'
  | 'queue_waiters'
  | 'locks'
  | 'lock_holds'
  | 'lock_waiters'
  | 'lock_news'
  | 'semaphores'
  | 'semaphore_holders'
  | 'semaphore_waiters';

/** What a service or a group keeps: always the same names. */
export type Holdings = { readonly [N in HoldingName]?: Holding };

/**
 * One service of a group: queues, sessions, locks, semaphores. All state that outlives an entry stands in tables; beside it a service
 * keeps what can be told from their rows, like indexes and counts.
 */
export interface Service {
  /** Rows were read back into empty tables: puts together what is told from them. Before anything is applied or asked, at most once. */
  restored(): void;
  /** True when this service knows the operation. */
  serves(operation: number): boolean;
  /** True for a command that takes space: refused by the leader while its disk is nearly full. */
  growing(operation: number): boolean;
  /** Executes a command. Total: bad input is a refusal, never a throw. */
  apply(command: Command, at: Position, effects: Effects): Outcome;
  /** Answers a read from applied state. `time`: cluster time now, ms, for what is told of ages. */
  read(operation: number, body: Buffer, name: string, time: number): Outcome;
  /**
   * Gives up those of the commands that are pending here; the caller answers them. Others may be served in their place, but only once
   * all of these are out: none of them may be served because another one left.
   */
  abandon(commands: readonly CommandId[], at: Position, effects: Effects): void;
  /** Sessions ended: what they held or waited for goes. */
  sessionsEnded(sessions: readonly number[], at: Position, effects: Effects): void;
  /** Cluster time has moved: settle what has run out. Called before each entry. */
  advance(at: Position, effects: Effects): void;
  /** The earliest cluster time at which `advance` would do something, or Infinity. */
  deadline(): number;
  /** What it keeps that has a limit, as it is now. */
  holdings(): Holdings;
}

/** The outcome of a command that took its place in a queue. */
export const PENDING: Outcome = { form: 'pending' };

/** An outcome that holds a MessagePack value. */
export function result(bytes: Buffer): Outcome {
  return { form: 'result', bytes };
}

/** A refusal; the message is the catalogue's when none is given. */
export function refusal(code: ErrorCode, message: string = CODES[code].meaning, details: ErrorDetails = {}): Outcome {
  return { form: 'refusal', code, message, details };
}

/** What a command comes to that would wait while its session may have no more pending: see `Effects.mayWait`. */
export const TOO_MANY_PENDING: Outcome = refusal('WAIT_LIMIT', 'the session has too many commands pending');

/** What a pending command is settled with when its session has no room for an outcome: see `Effects.hasRoom`. */
export const NO_ROOM: Outcome = refusal('WAIT_LIMIT', 'the session has too many bytes of replies unconfirmed');
