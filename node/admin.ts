/** Questions to and orders for one node: `status`, `log`, `transfer`, `sessions`, `metrics`. Not part of any replicated state. */
import { ConcordError } from '../protocol/errors.js';
import { FieldError, text, u53 } from '../protocol/fields.js';
import { COORDINATION } from '../protocol/groups.js';
import { LIMITS } from '../protocol/limits.js';
import type { MessageOf } from '../protocol/messages.js';
import { type FaultDoors, type FaultWord, isFaultWord } from './faults/doors.js';
import { eachEntry, lastOf, type Run } from './raft/run.js';
import { CONFIGURATION, NOOP } from './raft/types.js';
import { type Client, fail, type Replica } from './replica.js';
import { explainEntry } from './services/explain.js';

/** Rows of one `log` answer. */
const LOG_ROWS_MAX = 500;
/** Longer than this no transfer is waited for, ms: the core has given it up by then, and one who asks again may succeed. */
const TRANSFER_MS_MAX = 5000;

/** What the words need of their node. */
export interface AdminHost {
  readonly self: string;
  now(): number;
  replica(group: string): Replica | undefined;
  notLeader(replica: Replica): ConcordError;
  /** Reads a run from disk; null when it was given back meanwhile. */
  load(run: Run, done: (bytes: Buffer | null) => void): void;
  /** Index of the newest flushed checkpoint of a group; 0 while there is none. */
  checkpoint(group: string): number;
  status(): unknown;
  /** Rows of `sessions`; the leader of `c` knows them. */
  sessions(): unknown;
  /** Rows of the metrics whose names the pattern means. @throws ConcordError INVALID when they are too many */
  metrics(pattern: string): unknown;
  wake(): void;
  /** Absent on a node that was started without. */
  readonly faults?: FaultDoors;
  /** Faults came or went. */
  broken?(word: string): void;
}

interface PendingTransfer {
  readonly replica: Replica;
  readonly to: string;
  readonly client: Client;
  readonly correlation: number;
  readonly deadline: number;
}

interface LogRow {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly session: number | null;
  readonly command: string;
  readonly bytes: number;
  readonly on: string[];
}

const idText = text(LIMITS.id_length_max);
const patternText = text(LIMITS.name_length_max);
const groupText = text(LIMITS.group_length_max);

export class Admin {
  readonly #host: AdminHost;
  #transfers: PendingTransfer[] = [];

  constructor(host: AdminHost) {
    this.#host = host;
  }

  /** Answers, now or later, in every case. */
  ask(client: Client, message: MessageOf<'admin'>): void {
    const { correlation } = message;
    try {
      const argument = asRecord(message.argument);
      switch (message.word) {
        case 'status':
          client.answer({ kind: 'answer', correlation, value: this.#host.status() });
          break;
        case 'sessions':
          this.#led(COORDINATION);
          client.answer({ kind: 'answer', correlation, value: this.#host.sessions() });
          break;
        case 'metrics': {
          const pattern = patternText.check(argument['pattern'] ?? '');
          client.answer({ kind: 'answer', correlation, value: this.#host.metrics(pattern) });
          break;
        }
        case 'log':
          this.#log(client, correlation, argument);
          break;
        case 'transfer':
          this.#transfer(client, correlation, argument, Math.min(message.deadline_ms, TRANSFER_MS_MAX));
          break;
        default:
          if (isFaultWord(message.word)) {
            this.#break(client, correlation, message.word, argument);
            break;
          }
          throw new ConcordError('UNKNOWN_COMMAND', `no admin word ${message.word}`);
      }
    } catch (error) {
      if (error instanceof FieldError)
        fail(client, correlation, new ConcordError('INVALID', `${message.word}: ${error.message}`));
      else if (error instanceof ConcordError) fail(client, correlation, error);
      else throw error;
    }
  }

  /** Looks at transfers that are under way. Called at the end of each turn. */
  turn(now: number): void {
    if (this.#transfers.length === 0) return;
    this.#transfers = this.#transfers.filter(({ replica, to, client, correlation, deadline }) => {
      const { raft } = replica;
      if (raft.leader === to) {
        const value = { group: raft.id, from: this.#host.self, to, term: raft.term };
        client.answer({ kind: 'answer', correlation, value });
        return false;
      }
      if (now < deadline) return true;
      fail(
        client,
        correlation,
        new ConcordError('TRANSFER_FAILED', `${to} did not become leader of ${raft.id} in time`),
      );
      return false;
    });
  }

  deadline(): number {
    return this.#transfers.reduce((earliest, { deadline }) => Math.min(earliest, deadline), Number.POSITIVE_INFINITY);
  }

  #break(client: Client, correlation: number, word: FaultWord, argument: Record<string, unknown>): void {
    const { faults, self } = this.#host;
    if (faults === undefined)
      throw new ConcordError('FAULTS_OFF', `${self} was started without --faults`, { details: { node: self } });
    faults.order(word, argument, (error, value) => {
      if (error !== null) fail(client, correlation, error);
      else client.answer({ kind: 'answer', correlation, value });
      this.#host.broken?.(word);
    });
  }

  #transfer(client: Client, correlation: number, argument: Record<string, unknown>, deadline_ms: number): void {
    const replica = this.#led(groupText.check(argument['group']));
    const to = idText.check(argument['to']);
    if (to === this.#host.self) throw new ConcordError('ALREADY', `${to} leads ${replica.raft.id} already`);
    if (!replica.raft.transfer(to, this.#host.now()))
      throw new ConcordError(
        'TRANSFER_FAILED',
        `${to} is not a connected voter of ${replica.raft.id}, or a transfer is under way`,
      );
    this.#transfers.push({ replica, to, client, correlation, deadline: this.#host.now() + deadline_ms });
    this.#host.wake();
  }

  #log(client: Client, correlation: number, argument: Record<string, unknown>): void {
    const replica = this.#replica(groupText.check(argument['group']));
    const count = Math.min(LOG_ROWS_MAX, u53.check(argument['count']));
    const { log } = replica.raft;
    const from = Math.max(1, argument['from'] == null ? log.last - count + 1 : u53.check(argument['from']));
    // Of the entries that were given back one row tells.
    const to = Math.min(log.last, Math.max(from, log.first) + count - 1);
    const matches = replica.raft.leads ? replica.raft.matches() : { [this.#host.self]: log.durable };
    const holders = (index: number) =>
      Object.keys(matches)
        .filter((id) => (matches[id] ?? 0) >= index)
        .sort();
    const rows: LogRow[] = [];
    const end = () => {
      const kept = rows.filter(({ index }) => index >= log.first);
      const value = from < log.first ? [this.#released(replica), ...kept] : kept;
      client.answer({ kind: 'answer', correlation, value });
    };
    const next = (index: number): void => {
      const run = index > to ? undefined : log.runAt(index);
      if (run === undefined) {
        end();
        return;
      }
      const read = (bytes: Buffer | null) => {
        if (bytes !== null)
          eachEntry(bytes, index, Math.min(to, lastOf(run)), (at, entry) =>
            rows.push({ index: at, term: run.term, ...explain(entry), on: holders(at) }),
          );
        next(Math.max(lastOf(run) + 1, log.first));
      };
      if (run.bytes === null) this.#host.load(run, read);
      else read(run.bytes);
    };
    next(Math.max(from, log.first));
  }

  /** The row that stands for all that was given back. */
  #released({ raft }: Replica): LogRow {
    const { start } = raft.log;
    const checkpoint = this.#host.checkpoint(raft.id);
    const command = `entries up to ${start.index} were given back; the checkpoint at ${checkpoint} stands in for them`;
    return { index: start.index, term: start.term, kind: 'released', session: null, command, bytes: 0, on: [] };
  }

  #replica(group: string): Replica {
    const replica = this.#host.replica(group);
    if (replica === undefined) throw new ConcordError('NO_SUCH_GROUP', `no group ${group} here`);
    return replica;
  }

  #led(group: string): Replica {
    const replica = this.#replica(group);
    if (!replica.raft.leads) throw this.#host.notLeader(replica);
    return replica;
  }
}

function explain(entry: Buffer): { kind: string; session: number | null; command: string; bytes: number } {
  if (entry[0] === NOOP) return { kind: 'noop', session: null, command: 'a new leader begins its term', bytes: 0 };
  if (entry[0] === CONFIGURATION)
    return { kind: 'configuration', session: null, command: entry.toString('utf8', 1), bytes: entry.length - 1 };
  const { kind, session, command, bytes } = explainEntry(entry);
  return { kind, session: session === 0 ? null : session, command, bytes };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
