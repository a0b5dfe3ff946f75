/**
 * The catalogue of messages. A message travels as one MessagePack array: its number, then its fields in the order given here.
 * Whoever receives one checks it against this catalogue before looking at it. The text form is in README.md.
 */
import { any, bytes, type Field, FieldError, flag, type Held, list, text, tuple, u32, u53 } from './fields.js';
import { LIMITS } from './limits.js';

/** Version of the protocol, carried in every hello. Peers and clients of another version are refused. */
export const PROTOCOL_VERSION = 1;

/** Who may send a message: `both` before or after hello by anyone, `client`, `node` (to a client), or `peer` (node to node). */
export type Sender = 'both' | 'client' | 'node' | 'peer';

interface MessageType<F extends Record<string, Field<unknown>>> {
  readonly number: number;
  readonly sender: Sender;
  readonly fields: F;
}

function message<const F extends Record<string, Field<unknown>>>(
  number: number,
  sender: Sender,
  fields: F,
): MessageType<F> {
  return { number, sender, fields };
}

const id = text(LIMITS.id_length_max);
const group = text(LIMITS.group_length_max);
const correlation = u32;
const members = list(tuple(id, text(LIMITS.address_length_max)), LIMITS.members_max);

/** Every message. Numbers are never used twice. */
export const MESSAGES = {
  // Both sides, first thing on a connection.
  /** Who I am. `role` is 'client' or 'peer'; `cluster` may be '' (any). Peers fill in incarnation, born,
   * address, and in `recorded` the incarnation that they remember of the node that they call. */
  hello: message(1, 'both', {
    protocol: u32,
    cluster: text(LIMITS.name_length_max),
    role: text(16),
    id: text(LIMITS.name_length_max),
    incarnation: text(64),
    born: flag,
    address: text(LIMITS.address_length_max),
    features: list(text(64), 64),
    auth: bytes(1024),
    recorded: text(64),
  }),
  /** The answer to a hello. `recorded` is the incarnation that the answering node remembers of the peer that asks, or ''. */
  welcome: message(2, 'both', {
    protocol: u32,
    cluster: text(LIMITS.name_length_max),
    id,
    incarnation: text(64),
    born: flag,
    address: text(LIMITS.address_length_max),
    features: list(text(64), 64),
    frame_bytes_max: u32,
    recorded: text(64),
  }),
  /** Why this connection is closed: the last message on it. */
  refused: message(3, 'both', { code: text(32), message: text(LIMITS.message_length_max), details: any }),
  /** Is anybody there? */
  ping: message(4, 'both', { correlation }),
  pong: message(5, 'both', { correlation }),

  // Client to node.
  /** Run a command: the bytes are an envelope (envelope.ts), passed along unchanged to log and followers. */
  command: message(10, 'client', { correlation, envelope: bytes(LIMITS.envelope_bytes_max) }),
  /** A linearizable read: `operation` and `body` as in operations.ts. Any node serves it. */
  read: message(11, 'client', {
    correlation,
    deadline_ms: u32,
    group,
    name: text(LIMITS.name_length_max),
    fence: text(LIMITS.fence_length_max),
    operation: u32,
    body: bytes(LIMITS.body_bytes_max),
  }),
  /** Keep this session alive; only the leader of `c` answers. */
  keepalive: message(12, 'client', { correlation, session: u53 }),
  /** A question to or an order for this very node, by name: `status`, `log`, `transfer`, `sessions`, `metrics`, ... */
  admin: message(13, 'client', { correlation, deadline_ms: u32, word: text(32), argument: any }),
  /** Push `status` messages on this connection, at most one every `interval_ms`. 0 stops. */
  subscribe: message(14, 'client', { correlation, interval_ms: u32 }),

  // Node to client.
  /** Who leads what, pushed after the welcome and at every change. `leader` is '' while there is none. */
  leaders: message(20, 'node', {
    members,
    groups: list(tuple(group, u53, text(LIMITS.id_length_max)), LIMITS.groups_max),
  }),
  /** A command or read was executed. If not `ok`, `result` holds [code, message, details]: a refusal by the state machine. */
  reply: message(21, 'node', {
    correlation,
    group,
    term: u53,
    index: u53,
    ok: flag,
    result: bytes(LIMITS.frame_bytes_max),
  }),
  /** A command or read was not executed, or (not definite) nobody knows. */
  failure: message(22, 'node', {
    correlation,
    code: text(32),
    message: text(LIMITS.message_length_max),
    definite: flag,
    details: any,
  }),
  /** The command was executed as far as taking its place in a queue; an `outcome` follows. */
  pending: message(23, 'node', { correlation, group, term: u53, index: u53 }),
  /** What became of a command that was pending. Sent again until the session confirms it. */
  outcome: message(24, 'node', {
    group,
    session: u53,
    lane: u53,
    term: u53,
    index: u53,
    ok: flag,
    result: bytes(LIMITS.frame_bytes_max),
  }),
  /** The answer to `keepalive`, `admin` and `subscribe`. */
  answer: message(25, 'node', { correlation, value: any }),
  /** State of this node: a map of what changed since the last one, all of it when `whole`. */
  status: message(26, 'node', { sequence: u53, whole: flag, state: any }),

  // Peer to peer (node/raft explains them).
  vote_request: message(40, 'peer', {
    group,
    term: u53,
    pre: flag,
    lastIndex: u53,
    lastTerm: u53,
    transfer: flag,
  }),
  vote_reply: message(41, 'peer', { group, term: u53, pre: flag, granted: flag }),
  append: message(42, 'peer', {
    group,
    term: u53,
    previousIndex: u53,
    previousTerm: u53,
    commit: u53,
    runs: list(bytes(LIMITS.frame_bytes_max), LIMITS.runs_per_append_max),
  }),
  append_reply: message(43, 'peer', {
    group,
    term: u53,
    rejected: flag,
    match: u53,
    hintIndex: u53,
    hintTerm: u53,
    repairing: flag,
  }),
  /** One heartbeat for all groups that the sender leads: [group, term, commit, cluster time] each. */
  heartbeat: message(44, 'peer', { round: u53, groups: list(tuple(group, u53, u53, u53), LIMITS.groups_max) }),
  /** Echoes the round and names the groups that the sender does not follow in that term, each with its own term. */
  heartbeat_reply: message(45, 'peer', { round: u53, strays: list(tuple(group, u53), LIMITS.groups_max) }),
  timeout_now: message(46, 'peer', { group, term: u53 }),
  read_index: message(47, 'peer', { group, term: u53, context: u53 }),
  read_index_reply: message(48, 'peer', { group, term: u53, context: u53, index: u53, refused: flag }),
  /** What hello or welcome said, anew: this node has met every member since, or has become one itself. */
  introduction: message(49, 'peer', {
    cluster: text(LIMITS.name_length_max),
    incarnation: text(64),
    born: flag,
    recorded: text(64),
  }),

  // The state of a group for a member that needs entries which the leader's log no longer has.
  /** The leader has the state as of that entry for the receiver, or still has it: what was lost on the way is sent again. */
  snapshot_offer: message(50, 'peer', { group, term: u53, transfer: u53, index: u53, indexTerm: u53 }),
  /** Rows of it, packed (node/packed-rows.ts), counted from 1. With the last ones comes the head of the checkpoint, else ''. */
  snapshot_rows: message(51, 'peer', {
    group,
    transfer: u53,
    sequence: u53,
    rows: bytes(LIMITS.frame_bytes_max),
    head: bytes(LIMITS.head_bytes_max),
  }),
  /** How many messages of rows have come. `again`: send those behind them again. `state` as in SNAPSHOT_STATE. */
  snapshot_ack: message(52, 'peer', { group, transfer: u53, received: u53, again: flag, state: u32 }),

  // For a member that has lost part of what it had, its votes among it.
  /** In which terms are your groups? */
  terms_ask: message(53, 'peer', {}),
  /** The greatest term of each that this node may have spoken in. */
  terms: message(54, 'peer', { groups: list(tuple(group, u53), LIMITS.groups_max) }),
} as const;

/** What becomes of a snapshot at its receiver: it comes in; it is in force; it is of no use or cannot go on, offer another. */
export const SNAPSHOT_STATE = { coming: 0, installed: 1, declined: 2 } as const;

/** The name of a message. */
export type MessageName = keyof typeof MESSAGES;

/** The fields of the message `N`, with its name as `kind`. */
export type MessageOf<N extends MessageName> = { readonly kind: N } & {
  readonly [F in keyof (typeof MESSAGES)[N]['fields']]: Held<(typeof MESSAGES)[N]['fields'][F]>;
};

/** Any message. */
export type Message = { [N in MessageName]: MessageOf<N> }[MessageName];

interface Row {
  readonly name: MessageName;
  readonly number: number;
  readonly names: readonly string[];
  readonly types: readonly Field<unknown>[];
}

const ROWS_BY_NAME = new Map<string, Row>();
const ROWS_BY_NUMBER: (Row | undefined)[] = [];
for (const [name, type] of Object.entries(MESSAGES)) {
  const row: Row = {
    name: name as MessageName,
    number: type.number,
    names: Object.keys(type.fields),
    types: Object.values(type.fields),
  };
  ROWS_BY_NAME.set(name, row);
  ROWS_BY_NUMBER[type.number] = row;
}

/** The array that travels for `message`. */
export function toArray(message: Message): unknown[] {
  const row = ROWS_BY_NAME.get(message.kind);
  if (row === undefined) throw new FieldError(`no message ${message.kind}`);
  const out: unknown[] = [row.number];
  for (const name of row.names) out.push((message as unknown as Record<string, unknown>)[name]);
  return out;
}

/** The message in a decoded array. @throws FieldError when it is none, naming message and field. */
export function fromArray(value: unknown): Message {
  if (!Array.isArray(value) || typeof value[0] !== 'number')
    throw new FieldError('a message is an array with a number first');
  const row = ROWS_BY_NUMBER[value[0]];
  if (row === undefined) throw new FieldError(`no message has the number ${value[0]}`);
  if (value.length !== row.types.length + 1)
    throw new FieldError(`${row.name} has ${row.types.length} fields, not ${value.length - 1}`);
  const out: Record<string, unknown> = { kind: row.name };
  for (let i = 0; i < row.types.length; i++) {
    const name = row.names[i] ?? '';
    try {
      out[name] = row.types[i]?.check(value[i + 1]);
    } catch (error) {
      throw new FieldError(`${row.name}.${name}: ${(error as Error).message}`);
    }
  }
  return out as unknown as Message;
}
