/** The words about the sessions of clients: sessions, session. */

import { ConcordError } from '../../protocol/errors.js';
import { COORDINATION } from '../../protocol/groups.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call } from './call.js';

/** A row for each session. */
export function sessions(
  _command: CommandOf<'sessions'>,
  call: Call,
): Promise<Answer & { readonly result: SessionRow[] }> {
  return list(call);
}

/** The row of one session; with `kill` as it was before its end. */
export async function session(command: CommandOf<'session'>, call: Call): Promise<Answer> {
  const { id, action } = command.arguments;
  const listed = await list(call);
  const row = listed.result.find((one) => one.id === id);
  if (row === undefined) throw new ConcordError('INVALID', `there is no session ${id}`);
  if (action === undefined) return { ...listed, result: row };
  const cluster = await call.cluster();
  const receipt = await cluster.command('session.close', [id], call.asking(call.node));
  return answerOf(receipt, row);
}

const COLUMNS = ['id', 'client', 'node', 'ttl', 'age', 'locks', 'inflight'] as const;

/** What is told of a session: null where the cluster does not tell. */
type SessionRow = Readonly<Record<(typeof COLUMNS)[number], unknown>>;

/** All sessions, as the leader of their group tells. */
async function list(call: Call): Promise<Answer & { readonly result: SessionRow[] }> {
  const cluster = await call.cluster();
  // Only that leader knows them: the client finds it, whatever node the terminal talks to.
  const receipt = await cluster.admin('sessions', null, call.asking(call.namedNode));
  const told = receipt.value as readonly Readonly<Record<string, unknown>>[];
  const rows = told.map((row) => Object.fromEntries(COLUMNS.map((name) => [name, row[name] ?? null])) as SessionRow);
  return { ...answerOf(receipt, rows), group: COORDINATION, result: rows };
}
