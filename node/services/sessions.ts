/** The sessions of the cluster, kept by group `c`: who is connected, opened and ended by entries only. */

import { encode } from '../../protocol/codec.js';
import { text, tuple, u53 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { numberKey } from './keys.js';
import {
  type Command,
  type Effects,
  type Holdings,
  type Outcome,
  type Position,
  refusal,
  result,
  type Service,
} from './machine.js';
import { isPrintable } from './names.js';
import type { RowForm } from './stored-table.js';
import type { Table } from './table.js';
import type { Tables } from './tables.js';
import { FALSE_VALUE, readArgument, TRUE_VALUE, writeInteger } from './values.js';

/** How many sessions there may be. */
export const SESSION_LIMITS = {
  /** Open sessions of a cluster; then OVERLOADED. */
  sessions_max: 100_000,
  /** Rows of one `session.list`: what surely fits a frame. */
  listed_max: 1000,
} as const;

/** An open session. */
export interface Session {
  /** Index of the entry that opened it. */
  readonly id: number;
  /** Name that the client gave itself. */
  readonly client: string;
  readonly ttl_ms: number;
  /** Cluster time at which it was opened, ms. */
  readonly opened: number;
}

const SESSION = tuple(text(LIMITS.name_length_max), u53, u53);
const SESSION_ROW: RowForm<number, Session> = {
  pack: ({ client, ttl_ms, opened }) => [client, ttl_ms, opened],
  unpack(packed, id) {
    const [client, ttl_ms, opened] = SESSION.check(packed);
    return { id, client, ttl_ms, opened };
  },
};

const OPEN = OPERATIONS['session.open'].number;
const CLOSE = OPERATIONS['session.close'].number;
const LIST = OPERATIONS['session.list'].number;

/** Where the sessions of the cluster are to be found: after a snapshot they are other ones. */
export interface Directory {
  readonly sessions: Sessions;
}

/** The table of open sessions. Renewals are no entries: the leader counts TTLs and proposes what has run out. */
export class Sessions implements Service {
  private readonly table: Table<number, Session>;
  private readonly sessions_max: number;

  constructor(tables: Tables, sessions_max: number = SESSION_LIMITS.sessions_max) {
    this.table = tables.open('sessions', numberKey, SESSION_ROW);
    this.sessions_max = sessions_max;
  }

  restored(): void {}

  /** Number of open sessions. */
  get size(): number {
    return this.table.size;
  }

  /** True while the session is open. */
  alive(id: number): boolean {
    return this.table.get(id) !== undefined;
  }

  /** The open session of that id. */
  find(id: number): Session | undefined {
    return this.table.get(id);
  }

  /** Open sessions in the order of their ids. */
  *all(): IterableIterator<Session> {
    for (const [, session] of this.table.scan()) yield session;
  }

  /** Ends those of `ids` that are still open: they may have been closed since the expiry was proposed. */
  expire(ids: readonly number[], effects: Effects): void {
    for (const id of ids) this.end(id, effects);
  }

  serves(operation: number): boolean {
    return operation === OPEN || operation === CLOSE || operation === LIST;
  }

  growing(operation: number): boolean {
    return operation === OPEN;
  }

  apply(command: Command, at: Position, effects: Effects): Outcome {
    switch (command.operation) {
      case OPEN:
        return this.open(command, at);
      case CLOSE: {
        const argument = readArgument('session.close', command.body);
        if (argument === undefined) return refusal('INVALID', 'close takes the id of a session');
        return result(this.end(argument[0], effects) ? TRUE_VALUE : FALSE_VALUE);
      }
      default:
        return refusal('INVALID', 'this is a read, not a command');
    }
  }

  read(operation: number, body: Buffer): Outcome {
    if (operation !== LIST) return refusal('INVALID', 'this is a command, not a read');
    if (readArgument('session.list', body) === undefined) return refusal('INVALID', 'list takes no argument');
    const rows: unknown[] = [];
    for (const { id, client, ttl_ms } of this.all()) {
      if (rows.length === SESSION_LIMITS.listed_max) break;
      rows.push([id, client, ttl_ms, id]);
    }
    return result(encode(rows));
  }

  /** No command of this service waits. */
  abandon(): void {}

  sessionsEnded(): void {}

  advance(): void {}

  deadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  holdings(): Holdings {
    return { sessions: { held: this.table.size, limit: this.sessions_max } };
  }

  private open(command: Command, at: Position): Outcome {
    const argument = readArgument('session.open', command.body);
    if (argument === undefined) return refusal('INVALID', 'open takes the name of a client and a TTL in milliseconds');
    if (command.session !== 0) return refusal('INVALID', 'a session is opened outside of any other');
    const [client, ttl_ms] = argument;
    const { ttl_ms_min, ttl_ms_max } = LIMITS;
    if (ttl_ms < ttl_ms_min || ttl_ms > ttl_ms_max) {
      return refusal('INVALID', `a TTL is ${ttl_ms_min} to ${ttl_ms_max} ms`);
    }
    if (client.length === 0 || !isPrintable(client)) return refusal('INVALID', CLIENT_NAME_RULE);
    if (this.table.size >= this.sessions_max) {
      return refusal('OVERLOADED', `the cluster has the ${this.sessions_max} sessions that it may`);
    }
    this.table.put(at.index, { id: at.index, client, ttl_ms, opened: at.time });
    return result(writeInteger(at.index));
  }

  private end(id: number, effects: Effects): boolean {
    if (!this.table.delete(id)) return false;
    effects.end(id);
    return true;
  }
}

const CLIENT_NAME_RULE = `a client's name has 1 to ${LIMITS.name_length_max} characters, no control characters`;
