/** A make-believe cluster for tests of the screen: its news, a language of a few words, and replies. */
import type { GroupState, NodeState, Observation } from '../../protocol/client/types.js';
import { CODES, type ErrorCode } from '../../protocol/errors.js';
import type { LocalNode, ProcessState } from '../../tui/cluster/types.js';
import type { Grammar } from '../../tui/editor/grammar-port.js';
import type { Candidate } from '../../tui/grammar/index.js';
import type { Reply } from '../../tui/session/reply.js';

const IDS = ['n1', 'n2', 'n3'];

/** The address of a node, n1 at port 7101. */
export function addressOf(id: string): string {
  return `127.0.0.1:${7100 + Number(id.slice(1))}`;
}

/** State of a replica; what is not given is that of a quiet follower of n1 in term 7. */
export function group(change: Partial<GroupState> = {}): GroupState {
  return {
    role: 'follower',
    term: 7,
    leader: 'n1',
    commit: 1042,
    applied: 1042,
    first: 1,
    last: 1042,
    checkpoint: 0,
    repairing: false,
    installing: false,
    installed: null,
    sending: [],
    match: {},
    since_ms: 252_000,
    voters: IDS,
    ...change,
  };
}

/** State of a replica that leads, all others having everything. */
export function leading(id: string, change: Partial<GroupState> = {}): GroupState {
  const commit = change.commit ?? 1042;
  const match = Object.fromEntries(IDS.map((each) => [each, commit]));
  return group({ role: 'leader', leader: id, match, ...change });
}

/** The whole state of a node, as news. */
export function status(id: string, groups: Record<string, GroupState>, change: Partial<NodeState> = {}): Observation {
  const state: NodeState = {
    node: id,
    cluster: 'demo',
    address: addressOf(id),
    pid: 41_230 + Number(id.slice(1)),
    version: '0.1.0',
    started_ms: 723_000,
    leads: Object.values(groups).filter((each) => each.role === 'leader').length,
    members: IDS.map((each) => ({ id: each, address: addressOf(each), connected: true })),
    groups,
    sessions: 2,
    clients: 1,
    space: 'ok',
    bytes: { log: 1_234_567, base: 98_304 },
    repair: null,
    ...change,
  };
  return { kind: 'status', node: id, whole: true, state };
}

/** News that the connection to a node is up or down. */
export function up(id: string): Observation {
  return { kind: 'up', node: id, address: addressOf(id) };
}
export function down(id: string, reason: string): Observation {
  return { kind: 'down', node: id, address: addressOf(id), reason };
}

/** The news of three healthy nodes, n1 leading both groups. */
export function healthy(commit = 1042): Observation[] {
  const s0 = { commit, applied: commit, last: commit };
  return [
    ...IDS.map(up),
    status('n1', { c: leading('n1', { term: 3, commit: 17 }), s0: leading('n1', s0) }),
    ...['n2', 'n3'].map((id) => status(id, { c: group({ term: 3, commit: 17, applied: 17 }), s0: group(s0) })),
  ];
}

/** A local node as its keeper tells it. */
export function local(id: string, state: ProcessState = 'running'): LocalNode {
  const pid = state === 'running' || state === 'paused' ? 41_230 + Number(id.slice(1)) : null;
  return { id, address: addressOf(id), data: `/tmp/${id}`, state, pid, reason: '' };
}

/** A reply that went well. */
export function reply(command: string, result: unknown, change: Partial<Reply> = {}): Reply {
  const proof = { node: 'n1', group: 's0', term: 7, index: 1043, ms: 2.1 };
  return { command, ok: true, result, error: null, ...proof, ...change };
}

/** A reply that is an error of the catalogue. */
export function failure(command: string, code: ErrorCode, message?: string): Reply {
  const { definite, hint, meaning } = CODES[code];
  const error = { code, message: message ?? meaning, definite, hint, details: {} };
  return { command, ok: false, result: null, error, node: null, group: null, term: null, index: null, ms: null };
}

const WORDS: readonly Candidate[] = [
  { text: 'dequeue', help: 'take the first message' },
  { text: 'enqueue', help: 'put a value into the queue' },
  { text: 'exit', help: 'leave' },
  { text: 'kill', help: 'end a node without warning' },
  { text: 'log', help: 'the newest entries' },
  { text: 'nodes', help: 'all nodes with their state' },
];

const SIGNATURES: Readonly<Record<string, string>> = {
  dequeue: 'dequeue [--wait 0]',
  enqueue: 'enqueue(value)',
  kill: 'kill node',
  log: 'log [n=20] [--from i]',
};

/** A language of six words. */
export const grammar: Grammar = {
  complete(line, cursor, names) {
    const typed = line.slice(0, cursor);
    const from = typed.lastIndexOf(' ') + 1;
    const all = from === 0 ? WORDS : names.nodes.map((text) => ({ text, help: 'node' }));
    return { from, candidates: all.filter((each) => each.text.startsWith(typed.slice(from))) };
  },
  hint: (line) => SIGNATURES[/^\w*/.exec(line)?.[0] ?? ''] ?? '',
};
