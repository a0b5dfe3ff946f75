/** The catalogue of operations: what stands in a command's or a read's body, a MessagePack array each. */
import { any, bytes, type Field, type Held, list, text, tuple, u32, u53 } from './fields.js';
import { LIMITS } from './limits.js';

/** The queue that `enqueue` and `dequeue` mean. */
export const DEFAULT_QUEUE = 'default';

/** Modes of a lock as they travel. Two owners hold one at once only in S and S, or in S and U. */
export const LOCK_MODES = { s: 1, u: 2, x: 3 } as const;

/** How a lock is held: s shared; u shared with s, and one u at a time, which may become x; x alone. */
export type LockMode = keyof typeof LOCK_MODES;

/** A mode as it travels. */
export type LockModeNumber = (typeof LOCK_MODES)[LockMode];

const MODE_NAMES = Object.keys(LOCK_MODES) as LockMode[];

/** The mode as people write it; undefined for what is no mode, such as 0. */
export function lockModeName(number: LockModeNumber): LockMode;
export function lockModeName(number: unknown): LockMode | undefined;
export function lockModeName(number: unknown): LockMode | undefined {
  return MODE_NAMES.find((name) => LOCK_MODES[name] === number);
}

/** What `lock.news` tells: a hold ended because its time was up, or because the lock was revoked; or it is asked for. */
export const LOCK_NEWS = { held_too_long: 1, revoked: 2, asked: 3 } as const;

/** Rows of holders, waiters, locks and edges that one answer gives at most. */
export const LOCK_ROWS_MAX = 500;

const lockName = text(LIMITS.name_length_max);
const mode = u32;

interface OperationType<A extends Field<unknown>> {
  readonly number: number;
  /** `command` goes through the log, `read` is answered after a read index. */
  readonly form: 'command' | 'read';
  readonly argument: A;
}

const operation = <const A extends Field<unknown>>(
  number: number,
  form: 'command' | 'read',
  argument: A,
): OperationType<A> => ({ number, form, argument });

/** Every operation. Results are given beside each; all results are MessagePack values. */
export const OPERATIONS = {
  /** [client name, TTL ms] -> id of the session (u53). Sent with session 0 and lane 0: it has no lane yet. Group `c`. */
  'session.open': operation(1, 'command', tuple(text(LIMITS.name_length_max), u32)),
  /** [session] -> true. Ends a session, releasing what it holds: one's own or, by `session id kill`, another. Group `c`. */
  'session.close': operation(2, 'command', tuple(u53)),
  /** [] -> null. Takes the lane number of an abandoned command: answers the reply if that ran, else closes the number (VOID). */
  'lane.void': operation(3, 'command', tuple()),
  /** [lane numbers] -> null. These outcomes of pending commands have been received and may be forgotten. */
  'lane.confirm': operation(4, 'command', tuple(list(u53, LIMITS.window_max))),
  /** [] -> [[id, client, ttl_ms, opened index]...] sorted by id. Group `c`. */
  'session.list': operation(5, 'read', tuple()),
  /** [body] -> id of the message (u53). The body is a MessagePack value in bytes. */
  'queue.enqueue': operation(16, 'command', tuple(bytes(LIMITS.body_bytes_max))),
  /** [wait_ms] -> [id, body] or null when the queue is empty. With wait_ms > 0 an empty queue answers PENDING first. */
  'queue.dequeue': operation(17, 'command', tuple(u32)),
  /** [] -> number of messages ready. */
  'queue.size': operation(18, 'read', tuple()),
  /**
   * [owner, [[lock, mode]...], wait_ms, hold_ms, delay_ms, birth, note] -> [[lock, mode, token]...]: all or nothing. With wait_ms > 0 a
   * conflict answers PENDING first. hold_ms > 0 bounds the grant; delay_ms keeps the locks from others when the session ends; birth is 0
   * or what a DEADLOCK told. Group `c`, as all locks.
   */
  'lock.acquire': operation(
    32,
    'command',
    tuple(
      u53,
      list(tuple(lockName, mode), LIMITS.locks_per_request_max),
      u32,
      u32,
      u32,
      u53,
      text(LIMITS.note_length_max),
    ),
  ),
  /** [owner, lock, token or 0, how many times or 0 for all] -> [mode, times still held, token]. */
  'lock.release': operation(33, 'command', tuple(u53, lockName, u53, u32)),
  /** [owner, lock, mode, wait_ms, birth] -> [lock, mode, token]. With wait_ms > 0 a conflict answers PENDING first. */
  'lock.convert': operation(34, 'command', tuple(u53, lockName, mode, u32, u53)),
  /** [lock, after_ms] -> [token burnt or 0, holders]. After 0 ms at once; else the holders are asked and have so long. */
  'lock.revoke': operation(35, 'command', tuple(lockName, u32)),
  /** [greatest seq received, wait_ms] -> [[seq, kind, owner, lock, token, ms]...]: what befell this session's holds without its doing. */
  'lock.news': operation(36, 'command', tuple(u53, u32)),
  /**
   * [lock] -> null or [lock, token, [[session, client, owner, mode, count, held_ms, hold_left_ms, note]...],
   * [[session, client, owner, mode, waited_ms, left_ms, is a conversion]...], holders, waiting, delay_left_ms].
   */
  'lock.find': operation(37, 'read', tuple(lockName)),
  /** [glob, session or 0, limit] -> [[lock, token, mode, holders, waiting, [sessions that hold it]]...] by name. */
  'lock.list': operation(38, 'read', tuple(lockName, u53, u32)),
  /** [limit] -> [[waiter's session, owner, mode asked, holder's session, owner, lock, mode held]...]. */
  'lock.waits': operation(39, 'read', tuple(u32)),
  /** [lock, token] -> [valid, current token or 0]. */
  'lock.fence': operation(40, 'read', tuple(lockName, u53)),
  /** [name, limit] -> [limit, free, held by all]. 0: it goes, once nobody has or wants a permit. Group `c`. */
  'sem.set': operation(48, 'command', tuple(lockName, u32)),
  /** [owner, name, permits, wait_ms] -> [limit, free, held by the owner]. With wait_ms > 0 it may answer PENDING first. */
  'sem.acquire': operation(49, 'command', tuple(u53, lockName, u32, u32)),
  /** [owner, name, permits] -> [limit, free, held by the owner]. */
  'sem.release': operation(50, 'command', tuple(u53, lockName, u32)),
  /** [name] -> null or [limit, free, [[session, client, owner, permits]...], waiting]. */
  'sem.find': operation(51, 'read', tuple(lockName)),
} as const;

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;

/** The argument of the operation `N`. */
export type ArgumentOf<N extends OperationName> = Held<(typeof OPERATIONS)[N]['argument']>;

/** A refusal by a state machine as it stands in a reply's `result`: [code, message, details]. */
export const REFUSAL = tuple(text(32), text(LIMITS.message_length_max), any);

const NAMES = new Map<number, OperationName>(
  Object.entries(OPERATIONS).map(([name, type]) => [type.number, name as OperationName]),
);

/** The operation of that number, or undefined. */
export function operationName(number: number): OperationName | undefined {
  return NAMES.get(number);
}
