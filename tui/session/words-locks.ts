/** The words about locks: acquire, try, release, convert, holds, locks, lock, waits, revoke, fence. */
import { type Cluster, type Lock, WAIT_MS } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import { COORDINATION } from '../../protocol/groups.js';
import { LOCK_MODES, LOCK_ROWS_MAX } from '../../protocol/operations.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call, withReceipt } from './call.js';
import { modeOf, spelled } from './lock-modes.js';
import type { Edge } from './wait-chains.js';

/** {lock, mode, token, session}, of several an array. */
export function acquire(command: CommandOf<'acquire'>, call: Call): Promise<Answer> {
  return take(command, command.flags.wait ?? WAIT_MS, call);
}

/** As acquire, without waiting. */
export function tryAcquire(command: CommandOf<'try'>, call: Call): Promise<Answer> {
  return take(command, 0, call);
}

async function take(command: CommandOf<'acquire' | 'try'>, wait_ms: number, call: Call): Promise<Answer> {
  const { locks } = command.arguments;
  const { mode: modes = ['x'], hold, delay, note } = command.flags;
  const [first = 'x'] = modes;
  if (modes.length > 1 && modes.length !== locks.length)
    throw new ConcordError('USAGE', `${modes.length} modes for ${locks.length} locks: one for all, or one for each`);
  const wanted = locks.map((lock, i) => [lock, modes[i] ?? first] as const);
  const cluster = await call.cluster();
  const options = {
    wait_ms,
    ...(hold === undefined ? {} : { hold_ms: hold }),
    ...(delay === undefined ? {} : { delay_ms: delay }),
    ...(note === undefined ? {} : { note }),
  };
  return withReceipt(COORDINATION, call.asking(call.node), async (asking) => {
    const held = await spelled(() => call.locks.owner(cluster).acquire(wanted, { ...asking, ...options }));
    const rows = held.map((lock) => rowOf(lock, cluster));
    return rows.length === 1 ? rows[0] : rows;
  });
}

function rowOf({ name, mode, token }: Lock, cluster: Cluster): object {
  return { lock: name, mode, token, session: cluster.session.id };
}

/** {lock, held}: how many times it is still held. */
export async function release(command: CommandOf<'release'>, call: Call): Promise<Answer> {
  const { lock } = command.arguments;
  const { token } = command.flags;
  const cluster = await call.cluster();
  const { owner } = call.locks.owner(cluster);
  const hold = call.locks.hold(lock);
  if (hold === undefined || (token !== undefined && token !== hold.token)) {
    // The cluster says what is wrong.
    const receipt = await cluster.command('lock.release', [owner, lock, token ?? 0, 1], call.asking(call.node));
    const [, held] = receipt.value as [number, number, number];
    return answerOf(receipt, { lock, held });
  }
  return withReceipt(COORDINATION, call.asking(call.node), async (asking) => {
    await hold.release(asking);
    return { lock, held: call.locks.times(lock) };
  });
}

/** {lock, mode, token, session}. */
export async function convert(command: CommandOf<'convert'>, call: Call): Promise<Answer> {
  const { lock, mode } = command.arguments;
  const wait_ms = command.flags.wait ?? WAIT_MS;
  const cluster = await call.cluster();
  const { owner } = call.locks.owner(cluster);
  const hold = call.locks.hold(lock);
  if (hold === undefined) {
    const argument = [owner, lock, LOCK_MODES[mode], 0, 0] as const;
    const receipt = await cluster.command('lock.convert', argument, call.asking(call.node));
    const [, now, token] = receipt.value as [string, number, number];
    return answerOf(receipt, { lock, mode: modeOf(now), token, session: cluster.session.id });
  }
  return withReceipt(COORDINATION, call.asking(call.node), async (asking) => {
    await spelled(() => hold.convert(mode, { ...asking, wait_ms }));
    return rowOf(hold, cluster);
  });
}

/** A row for each lock that the session of this terminal holds. */
export async function holds(_command: CommandOf<'holds'>, call: Call): Promise<Answer> {
  const cluster = await call.cluster();
  const { id } = cluster.session;
  // Without a session there is nothing to hold, and 0 would ask for the locks of all.
  return id === 0 ? { result: [] } : list('*', id, cluster, call);
}

/** A row for each lock whose name is like that. */
export async function locks(command: CommandOf<'locks'>, call: Call): Promise<Answer> {
  return list(command.arguments.glob ?? '*', 0, await call.cluster(), call);
}

async function list(glob: string, session: number, cluster: Cluster, call: Call): Promise<Answer> {
  const receipt = await cluster.read('lock.list', [glob, session, LOCK_ROWS_MAX], call.asking(call.node));
  const told = receipt.value as readonly [string, number, number, number, number, number[]][];
  const rows = told.map(([lock, token, mode, holders, queue, sessions]) => ({
    lock,
    mode: modeOf(mode),
    holders,
    queue,
    lastToken: token,
    sessions,
  }));
  return answerOf(receipt, rows);
}

/** What `lock.find` tells. */
type Found = readonly [
  lock: string,
  token: number,
  holders: readonly (readonly [number, string, number, number, number, number, number, string])[],
  queue: readonly (readonly [number, string, number, number, number, number, boolean])[],
  holding: number,
  waiting: number,
  delay_left_ms: number,
];

/** {lock, mode, holders, queue, lastToken, delay}. */
export async function lock(command: CommandOf<'lock'>, call: Call): Promise<Answer> {
  const { lock } = command.arguments;
  const cluster = await call.cluster();
  const receipt = await cluster.read('lock.find', [lock], call.asking(call.node));
  const found = receipt.value as Found | null;
  if (found === null)
    return answerOf(receipt, { lock, mode: null, holders: [], queue: [], lastToken: null, delay: null });
  const [, token, holding, waiting, , , delay_left_ms] = found;
  const holders = holding.map(([session, client, owner, mode, count, age, left, note]) => {
    const held = { session, client, owner, mode: modeOf(mode), count, age };
    return { ...held, left: left || null, note: note || null };
  });
  const queue = waiting.map(([session, client, owner, mode, age, left, conversion]) => {
    return { session, client, owner, mode: modeOf(mode), age, left, conversion };
  });
  const strongest = Math.max(0, ...holding.map(([, , , mode]) => mode));
  const result = { lock, mode: modeOf(strongest), holders, queue, lastToken: token, delay: delay_left_ms || null };
  return answerOf(receipt, result);
}

/** {edges: [{waiter, holder, lock}]}. */
export async function waits(_command: CommandOf<'waits'>, call: Call): Promise<Answer> {
  const cluster = await call.cluster();
  const receipt = await cluster.read('lock.waits', [LOCK_ROWS_MAX], call.asking(call.node));
  const told = receipt.value as readonly [number, number, number, number, number, string, number][];
  const edges = told.map(([waiting, waiter, asked, holding, holder, lock, held]): Edge => {
    return {
      waiter: { session: waiting, owner: waiter, mode: modeOf(asked) },
      holder: { session: holding, owner: holder, mode: modeOf(held) },
      lock,
    };
  });
  return answerOf(receipt, { edges });
}

/** {lock, burnt, holders}. */
export async function revoke(command: CommandOf<'revoke'>, call: Call): Promise<Answer> {
  const { lock } = command.arguments;
  const cluster = await call.cluster();
  const receipt = await cluster.command('lock.revoke', [lock, command.flags.after ?? 0], call.asking(call.node));
  const [burnt, holders] = receipt.value as [number, number];
  return answerOf(receipt, { lock, burnt: burnt || null, holders });
}

/** {lock, token, valid, current}. */
export async function fence(command: CommandOf<'fence'>, call: Call): Promise<Answer> {
  const { lock, token } = command.arguments.fence;
  const cluster = await call.cluster();
  const receipt = await cluster.read('lock.fence', [lock, token], call.asking(call.node));
  const [valid, current] = receipt.value as [boolean, number];
  return answerOf(receipt, { lock, token, valid, current: current || null });
}
