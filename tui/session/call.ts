/** What a command has in hand while it runs: the cluster, the keeper, its time and the way to be given up. */
import type { CallOptions, Cluster, Receipt } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { fenceText } from '../../protocol/fence.js';
import type { Keeper } from '../cluster/types.js';
import { nearest } from '../grammar/nearest.js';
import type { ParsedCommand } from '../grammar/words.js';
import type { OwnLocks } from './own-locks.js';
import { AUTO, type View } from './view.js';

/** The surroundings of all commands of a terminal. */
export interface Context {
  /** The cluster, once there is one. @throws ConcordError when it cannot be reached or started */
  cluster(): Promise<Cluster>;
  /** The keeper of the local nodes, or null when they were not started from here. @throws ConcordError */
  keeper(): Promise<Keeper | null>;
  readonly view: View;
  /** The locks that this terminal holds. */
  readonly locks: OwnLocks;
  readonly options: {
    /** Time allowed for a command that names none, ms. */
    readonly timeout_ms: number;
    /** Refuse what changes anything. */
    readonly readonly: boolean;
  };
}

/** What a command came to: its result, and the facts of the receipt that fill the reply. */
export interface Answer {
  readonly result: unknown;
  readonly node?: string;
  readonly group?: string;
  readonly term?: number;
  readonly index?: number;
  readonly ms?: number;
  readonly found?: false;
}

/** The answer with `result` that a receipt vouches for. */
export function answerOf(receipt: Receipt, result: unknown): Answer {
  const { node, group, term, index, ms } = receipt;
  // An answer of one node for itself is of no group and stands at no index.
  return group === '' ? { result, node, ms } : { result, node, group, term, index, ms };
}

/** The answer of a call of the library that gives a value only: what it was served by is heard beside it, if anything was asked. */
export async function withReceipt(
  group: string,
  options: CallOptions,
  run: (options: CallOptions) => Promise<unknown>,
): Promise<Answer> {
  let last: Receipt | undefined;
  const onReceipt = (receipt: Receipt) => {
    last = receipt;
  };
  const result = await run({ ...options, onReceipt });
  return last === undefined ? { result, group } : answerOf(last, result);
}

/** One run of a command. */
export class Call {
  readonly view: View;
  readonly locks: OwnLocks;
  readonly #command: ParsedCommand;
  readonly #context: Context;
  readonly #signal: AbortSignal;

  constructor(command: ParsedCommand, context: Context, signal: AbortSignal) {
    this.view = context.view;
    this.locks = context.locks;
    this.#command = command;
    this.#context = context;
    this.#signal = signal;
  }

  /** Time allowed, ms. */
  get timeout_ms(): number {
    return this.#command.flags.timeout ?? this.#context.options.timeout_ms;
  }

  /** The node that was asked for, by the command or by `use`; else undefined. */
  get node(): string | undefined {
    return this.namedNode ?? (this.view.use === AUTO ? undefined : this.view.use);
  }

  /** The cluster. @throws ConcordError also UNKNOWN_NODE when the command names a node that is none */
  async cluster(): Promise<Cluster> {
    const cluster = await this.untilAborted(this.#context.cluster(), true);
    if (this.#command.node !== null) requireNode(this.#command.node, cluster.members);
    return cluster;
  }

  /** The keeper, or null. */
  keeper(): Promise<Keeper | null> {
    return this.untilAborted(this.#context.keeper(), true);
  }

  /** The keeper. @throws ConcordError NO_KEEPER */
  async ownKeeper(): Promise<Keeper> {
    const keeper = await this.keeper();
    if (keeper === null) throw new ConcordError('NO_KEEPER');
    return keeper;
  }

  /** The node that the command itself names; else undefined. */
  get namedNode(): string | undefined {
    return this.#command.node ?? undefined;
  }

  /** The options of a call to the client library that asks `node`, or any, with `more_ms` on top of the time allowed. */
  asking(node: string | undefined, more_ms = 0): CallOptions {
    const { fence } = this.#command.flags;
    return {
      timeout_ms: this.timeout_ms + more_ms,
      signal: this.#signal,
      ...(node === undefined ? {} : { node }),
      ...(fence === undefined ? {} : { fence: fenceText(fence) }),
    };
  }

  /** What `promise` comes to, or CANCELLED as soon as the command is given up; then `definite` says that nothing has happened. */
  async untilAborted<T>(promise: Promise<T>, definite: boolean): Promise<T> {
    const signal = this.#signal;
    const cancelled = () => new ConcordError('CANCELLED', 'given up', { definite });
    let stop = () => {};
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => reject(cancelled());
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      stop = () => signal.removeEventListener('abort', abort);
    });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      stop();
    }
  }
}

/** @throws ConcordError UNKNOWN_NODE unless `id` is among `nodes`; while none is known, any name may be right */
export function requireNode(id: string, nodes: readonly { readonly id: string }[]): void {
  const ids = nodes.map((node) => node.id).filter((known) => known !== '');
  if (ids.length === 0 || ids.includes(id)) return;
  const suggestion = nearest(id, ids);
  throw new ConcordError('UNKNOWN_NODE', `there is no node ${id}: there are ${ids.join(', ')}`, {
    details: suggestion === undefined ? { node: id } : { node: id, suggestion },
  });
}
