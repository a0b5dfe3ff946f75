/** The catalogue of operations: what stands in a command's or a read's body, a MessagePack array each. */
import { any, bytes, type Field, type Held, list, text, tuple, u32, u53 } from './fields.js';
import { LIMITS } from './limits.js';

/** The queue that `enqueue` and `dequeue` mean. */
export const DEFAULT_QUEUE = 'default';

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
