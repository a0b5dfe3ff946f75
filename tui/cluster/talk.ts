/**
 * What terminals and their keeper say to each other, one JSON object a line. A terminal starts with `hello`; the keeper answers
 * `welcome`, or `refused` and closes. Then orders, each answered by `done` or `failed`, and the states of all nodes at each change.
 */
import type { ConcordError, ErrorCode, ErrorDetails } from '../../protocol/errors.js';
import { type Field, FieldError, flag, type Held, text, u32 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { type LocalNode, NODE_VERBS, type NodeVerb } from './types.js';

/** Version of this talk. A keeper refuses terminals of another one. */
export const TALK_VERSION = 1;

/** What a terminal says. */
export type FromTerminal =
  /** First. `stay`: keep the nodes running when the last terminal has left. */
  | { readonly type: 'hello'; readonly version: number; readonly stay: boolean }
  | { readonly type: 'order'; readonly id: number; readonly verb: NodeVerb; readonly node: string }
  /** Last. The keeper closes the connection; for the last terminal once all nodes have stopped. */
  | { readonly type: 'leave' };

/** What the keeper says. */
export type FromKeeper =
  | {
      readonly type: 'welcome';
      readonly version: number;
      readonly cluster: string;
      readonly nodes: readonly LocalNode[];
    }
  | { readonly type: 'refused'; readonly error: SpokenError }
  | { readonly type: 'nodes'; readonly nodes: readonly LocalNode[] }
  | { readonly type: 'done'; readonly id: number; readonly node: LocalNode }
  | { readonly type: 'failed'; readonly id: number; readonly error: SpokenError };

/** An error of the catalogue as it travels. */
export interface SpokenError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly definite: boolean;
  readonly details: ErrorDetails;
}

/** The travelling form of an error. */
export function spoken({ code, message, definite, details }: ConcordError): SpokenError {
  return { code, message, definite, details };
}

const verb: Field<NodeVerb> = {
  holds: `one of ${NODE_VERBS.join(', ')}`,
  check(value) {
    const known = NODE_VERBS.find((one) => one === value);
    if (known === undefined) throw new FieldError(`expected ${this.holds}`);
    return known;
  },
};

const MESSAGES = {
  hello: { version: u32, stay: flag },
  order: { id: u32, verb, node: text(LIMITS.id_length_max) },
  leave: {},
} as const;

/** A terminal's message, checked. @throws FieldError */
export function fromTerminal(value: unknown): FromTerminal {
  const type = value instanceof Object && 'type' in value ? value.type : undefined;
  switch (type) {
    case 'hello':
    case 'order':
    case 'leave':
      return { type, ...record(MESSAGES[type], Object(value)) } as FromTerminal;
    default:
      throw new FieldError('expected a hello, an order or a leave');
  }
}

function record<F extends Record<string, Field<unknown>>>(fields: F, value: Record<string, unknown>) {
  const entries = Object.entries(fields).map(([name, field]) => [name, field.check(value[name])]);
  return Object.fromEntries(entries) as { [K in keyof F]: Held<F[K]> };
}
