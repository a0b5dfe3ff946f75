/** The committed log of `c`, entry by entry: how many permits of which semaphore are out, and who waits for them. */
import { decodeEntry } from '../../node/services/entry.js';
import type { Applied, GroupMachine } from '../../node/services/group-machine.js';
import type { Position } from '../../node/services/machine.js';
import { PermitLines } from '../../node/services/permit-lines.js';
import { openPermits, openSemaphores } from '../../node/services/semaphores.js';
import type { Sessions } from '../../node/services/sessions.js';
import type { Table } from '../../node/services/table.js';
import type { Tables } from '../../node/services/tables.js';
import { readArgument } from '../../node/services/values.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { BrokenPromise } from './promise.js';

interface Row {
  readonly limit: number;
  readonly held: number;
}

type BySession = readonly [session: number, owner: number, name: string];

const ACQUIRE = OPERATIONS['sem.acquire'].number;

/** Looks on while a machine of `c` applies entries. */
export class SemaphoreWatch {
  readonly #machine: GroupMachine;
  readonly #sessions: Sessions;
  readonly #rows: Table<string, Row>;
  readonly #permits: Table<BySession, number>;
  readonly #lines: PermitLines;
  /** Commands that came to an end: a repeat is answered from what is remembered, whoever waits by then. */
  readonly #ended = new Set<string>();

  constructor(tables: Tables, machine: GroupMachine, sessions: Sessions) {
    this.#machine = machine;
    this.#sessions = sessions;
    this.#rows = openSemaphores(tables);
    this.#permits = openPermits(tables);
    this.#lines = new PermitLines(tables);
  }

  /** An entry has been applied. @throws BrokenPromise */
  applied(entry: Buffer, { time }: Position, applied: Applied): void {
    const out = new Map<string, number>();
    for (const [[session, , name], permits] of this.#permits.scan()) {
      if (!this.#sessions.alive(session))
        throw new BrokenPromise(`${permits} permits of ${name} are with session ${session}, which has ended`);
      out.set(name, (out.get(name) ?? 0) + permits);
    }
    for (const [name, row] of this.#rows.scan()) {
      const { limit, held } = row;
      const given = out.get(name) ?? 0;
      if (held !== given) throw new BrokenPromise(`${held} permits of ${name} count as out, owners have ${given}`);
      if (held > limit) throw new BrokenPromise(`Exclusion: ${held} permits of ${name} are out, there are ${limit}`);
      this.#checkLine(name, row, time);
    }
    this.#checkGrant(entry, applied, out);
  }

  #checkLine(name: string, { limit, held }: Row, time: number): void {
    const first = this.#lines.first(name);
    for (const wait of this.#lines.of(name)) {
      const { session, lane, permits, deadline } = wait;
      const what = `session ${session} waits for ${permits} of ${name}`;
      if (!this.#sessions.alive(session)) throw new BrokenPromise(`${what}, and has ended`);
      if (this.#machine.outcome(session, lane)?.form !== 'pending')
        throw new BrokenPromise(`${what} by command ${lane}, which is over`);
      if (deadline <= time) throw new BrokenPromise(`${what} ${time - deadline} ms longer than it wanted to`);
      if (wait === first && permits <= limit - held) throw new BrokenPromise(`${what}, and they are free`);
    }
  }

  // Who is given permits at once has passed everybody who waits.
  #checkGrant(entry: Buffer, { session, lane, outcome, settled }: Applied, out: ReadonlyMap<string, number>): void {
    const key = `${session}/${lane}`;
    const isNew = !this.#ended.has(key);
    for (const one of settled) this.#ended.add(`${one.session}/${one.lane}`);
    if (outcome !== undefined && outcome.form !== 'pending') this.#ended.add(key);
    const decoded = decodeEntry(entry);
    if (decoded === undefined || !('envelope' in decoded) || decoded.envelope.operation !== ACQUIRE) return;
    if (outcome?.form !== 'result' || !isNew) return;
    const [, name = ''] = readArgument('sem.acquire', decoded.envelope.body) ?? [];
    if (!out.has(name)) throw new BrokenPromise(`permits of ${name} are given to session ${session}, and none is out`);
    if (this.#lines.first(name) !== undefined)
      throw new BrokenPromise(`session ${session} is given permits of ${name} before those who asked before`);
  }
}
