/** A terminal on a cluster and a keeper that a test puts together: they answer what they are told and remember what they were asked. */
import { expect } from 'chai';
import type {
  CallOptions,
  Cluster,
  GroupState,
  LockNews,
  Member,
  NamedLock,
  NodeState,
  Receipt,
} from '../../protocol/client/types.js';
import { decode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import type { Keeper, LocalNode, NodeVerb } from '../../tui/cluster/types.js';
import type { Context } from '../../tui/session/call.js';
import { execute } from '../../tui/session/execute.js';
import { OwnLocks } from '../../tui/session/own-locks.js';
import type { Reply } from '../../tui/session/reply.js';
import { View } from '../../tui/session/view.js';
import { GrantedLocks } from './granted-locks.js';

/** One thing that was asked of the cluster. */
export interface Asked {
  readonly name: string;
  readonly argument: unknown;
  readonly options: CallOptions | undefined;
}

/** Answers by the name of an operation or admin word: a value, an error, or a function of the question. */
export type Answers = Record<string, unknown>;

/** A cluster of the nodes n1, n2, n3. */
export class FakeCluster implements Cluster {
  readonly clientId = 'test';
  readonly session = { id: 7, state: 'open' } as const;
  readonly asked: Asked[] = [];
  members: Member[] = ['n1', 'n2', 'n3'].map((id, i) => ({ id, address: `127.0.0.1:710${i + 1}`, connected: true }));
  readonly locks = new GrantedLocks();
  leader = 'n1';
  closed = false;
  readonly #answers: Answers;

  constructor(answers: Answers = {}) {
    this.#answers = answers;
  }

  leaderOf(): string {
    return this.leader;
  }

  command(name: string, argument: unknown, options?: CallOptions): Promise<Receipt> {
    return this.#answer({ name, argument, options }, 's0');
  }

  read(name: string, argument: unknown, options?: CallOptions): Promise<Receipt> {
    return this.#answer({ name, argument, options }, 's0');
  }

  admin(name: string, argument: unknown, options?: CallOptions): Promise<Receipt> {
    return this.#answer({ name, argument, options }, '');
  }

  queue(): never {
    throw new Error('the words do without it: they need receipts');
  }

  lock(name: string): NamedLock {
    return {
      acquire: async (options) => {
        const [lock] = await this.locks.acquire([[name, options?.mode ?? 'x']], options);
        if (lock === undefined) throw new Error('nothing was granted');
        return lock;
      },
    };
  }

  lockContext(): GrantedLocks {
    return this.locks;
  }

  withLock(): never {
    throw new Error('the words do without it');
  }

  semaphore(): never {
    throw new Error('the words do without it: they need receipts');
  }

  onLockNews(listener: (news: LockNews) => void): () => void {
    return this.locks.onNews(listener);
  }

  observe(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(asked: Asked, group: string): Promise<Receipt> {
    this.asked.push(asked);
    const answer = this.#answers[asked.name];
    const value: unknown = typeof answer === 'function' ? await answer(asked) : answer;
    if (value instanceof Error) throw value;
    return { value, node: asked.options?.node ?? 'n1', group, term: 3, index: 41, ms: 1.5 };
  }
}

/** A command that ends only when it is given up. */
export function untilGivenUp({ options }: Asked): Promise<never> {
  return new Promise((_, reject) => {
    options?.signal?.addEventListener('abort', () => reject(new ConcordError('CANCELLED')));
  });
}

/** The value in the body that an enqueue carried. */
export function bodyOf({ argument }: Asked): unknown {
  const [body] = argument as [Buffer];
  return decode(body);
}

/** A keeper of n1, n2, n3 that carries out every order at once. */
export class FakeKeeper implements Keeper {
  readonly cluster = 'local';
  readonly orders: [NodeVerb, string][] = [];
  nodes: LocalNode[] = ['n1', 'n2', 'n3'].map((id, i) => ({
    id,
    address: `127.0.0.1:710${i + 1}`,
    data: '',
    state: 'running',
    pid: 100 + i,
    reason: '',
  }));
  left = false;

  async order(verb: NodeVerb, id: string): Promise<LocalNode> {
    this.orders.push([verb, id]);
    this.become(id, verb === 'kill' ? { state: 'killed', pid: null } : {});
    return this.nodes.find((node) => node.id === id) as LocalNode;
  }

  become(id: string, change: Partial<LocalNode>): void {
    this.nodes = this.nodes.map((node) => (node.id === id ? { ...node, ...change } : node));
  }

  watch(): () => void {
    return () => {};
  }

  async leave(): Promise<void> {
    this.left = true;
  }
}

/** The surroundings of commands on these. */
export function contextOf(cluster: Cluster | Error, keeper: Keeper | null = null, readonly = false): Context {
  return {
    cluster: async () => {
      if (cluster instanceof Error) throw cluster;
      return cluster;
    },
    keeper: async () => keeper,
    view: new View(),
    locks: new OwnLocks(),
    options: { timeout_ms: 5000, readonly },
  };
}

/** Runs a line and returns its reply. */
export function reply(context: Context, line: string): Promise<Reply> {
  return execute(line, context, new AbortController().signal);
}

/** Runs a line that has to succeed and returns its result. */
export async function result(context: Context, line: string): Promise<unknown> {
  const { ok, error, result } = await reply(context, line);
  expect(ok, error?.message).to.equal(true);
  return result;
}

/** Runs a line that has to fail and returns the code of its error. */
export async function code(context: Context, line: string): Promise<string | undefined> {
  const { ok, error, result } = await reply(context, line);
  expect(ok).to.equal(false);
  expect(result).to.equal(null);
  return error?.code;
}

/** What a replica tells of its group. */
export function groupState(state: Partial<GroupState> = {}): GroupState {
  return {
    role: 'follower',
    term: 3,
    leader: 'n1',
    commit: 40,
    applied: 40,
    first: 1,
    last: 40,
    checkpoint: 0,
    repairing: false,
    installing: false,
    installed: null,
    sending: [],
    match: {},
    since_ms: 1500,
    voters: ['n1', 'n2', 'n3'],
    ...state,
  };
}

/** What a node tells of itself; n1 leads both groups. */
export function nodeState(id: string, state: Partial<NodeState> = {}): NodeState {
  const leads = id === 'n1';
  const group = leads ? groupState({ role: 'leader', match: { n1: 40, n2: 40, n3: 28 } }) : groupState();
  return {
    node: id,
    cluster: 'local',
    address: '127.0.0.1:7101',
    pid: 1,
    version: '0.1.0',
    started_ms: 9000,
    leads: leads ? 2 : 0,
    members: ['n1', 'n2', 'n3'].map((member) => ({ id: member, address: '', connected: true })),
    groups: { s0: group, c: group },
    sessions: 1,
    clients: 1,
    space: 'ok',
    bytes: { log: 1, base: 1 },
    repair: null,
    ...state,
  };
}

/** A status answer in which `down` nodes do not answer. */
export function statusBut(...down: string[]): (asked: Asked) => unknown {
  return ({ options }) => {
    const id = options?.node ?? '';
    return down.includes(id) ? new ConcordError('UNREACHABLE') : nodeState(id);
  };
}
