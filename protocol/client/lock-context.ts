/** An owner of locks: its requests, its holds, and what it makes of news about them. */
import { ConcordError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type ArgumentOf, LOCK_MODES, lockModeName } from '../operations.js';
import type { Claims } from './claims.js';
import { Handle, type HandleOwner, type Hold } from './lock.js';
import type { AcquireOptions, CallOptions, Lock, LockContext, LockMode, Receipt } from './types.js';

/** How long a lock or a permit is waited for when not said, ms. */
export const WAIT_MS = 30_000;

/** Requests of one owner under way at once. */
const REQUESTS_MAX = LIMITS.window_max;

/** A lock as the cluster grants it. */
interface Row {
  readonly name: string;
  readonly mode: LockMode;
  readonly token: number;
}

/** An owner. */
export class Context implements LockContext, HandleOwner {
  readonly owner: number;
  readonly #claims: Claims;
  /** Owners that news may concern: those that hold or ask for something. */
  readonly #concerned: Map<number, Context>;
  readonly #holds = new Map<string, Hold>();
  readonly #handles = new Set<Handle>();
  /** Requests whose callers wait. */
  #underWay = 0;
  /** Tokens of holds that ended while requests were under way, if any: word of a grant may come later than that of its end. */
  #burnt: Map<string, number> | undefined;
  /** What a DEADLOCK told, until something was acquired after it and all is released. 0: nothing. */
  #birth = 0;
  /** Nothing has been acquired since a DEADLOCK. */
  #retrying = false;

  constructor(owner: number, claims: Claims, concerned: Map<number, Context>) {
    this.owner = owner;
    this.#claims = claims;
    this.#concerned = concerned;
  }

  get held(): readonly Lock[] {
    this.look();
    return [...this.#handles];
  }

  async acquire(
    locks: string | readonly (string | readonly [string, LockMode])[],
    options: AcquireOptions = {},
  ): Promise<Lock[]> {
    const asked = askedOf(locks, options.mode ?? 'x');
    const { wait_ms = WAIT_MS, hold_ms = 0, delay_ms = 0, note = '' } = options;
    const argument = (): ArgumentOf<'lock.acquire'> => {
      return [this.owner, asked, wait_ms, hold_ms, delay_ms, this.#birth, note];
    };
    const handles = await this.#request(() =>
      this.#claims.grant('lock.acquire', argument(), options, wait_ms, {
        take: (receipt) => this.#granted(rowsOf(receipt)),
        giveBack: (receipt) => {
          for (const row of rowsOf(receipt)) this.#return(row);
        },
      }),
    );
    this.#retrying = false;
    return handles;
  }

  release(handle: Handle, options: CallOptions | undefined): Promise<void> {
    return this.#claims.release(handle, 'lock.release', [this.owner, handle.name, 0, 1], options);
  }

  async convert(
    handle: Handle,
    mode: LockMode,
    options: CallOptions & { readonly wait_ms?: number } = {},
  ): Promise<void> {
    handle.life.need();
    const { hold } = handle;
    const { wait_ms = WAIT_MS } = options;
    const argument = (): ArgumentOf<'lock.convert'> => {
      return [this.owner, hold.name, modeNumber(mode), wait_ms, this.#birth];
    };
    const take = (receipt: Receipt) => learn(hold, rowOf(receipt.value));
    try {
      if (LOCK_MODES[mode] <= LOCK_MODES[hold.mode]) {
        // From here on others may be let in, whatever is heard of it.
        hold.mode = mode;
        await this.#request(() => this.#claims.steadfast('lock.convert', argument(), options, take));
      } else {
        const giveBack = (receipt: Receipt) => this.#weaken(hold, rowOf(receipt.value));
        await this.#request(() => this.#claims.grant('lock.convert', argument(), options, wait_ms, { take, giveBack }));
      }
    } catch (error) {
      if (!(error instanceof ConcordError) || error.code !== 'NOT_HOLDER') throw error;
      this.#claims.lose([...hold.handles], 'it was not held any more when it was converted');
    }
    handle.life.need();
  }

  look(): void {
    this.#claims.look();
  }

  keep(handle: Handle): void {
    const known = this.#holds.get(handle.name);
    if (known === undefined) this.#holds.set(handle.name, handle.hold);
    else handle.hold = known;
    handle.hold.handles.push(handle);
    this.#handles.add(handle);
    this.#claims.add(handle);
    this.#concerned.set(this.owner, this);
  }

  forget(handle: Handle): void {
    this.#handles.delete(handle);
    const { hold } = handle;
    const at = hold.handles.indexOf(handle);
    if (at >= 0) hold.handles.splice(at, 1);
    if (hold.handles.length === 0 && this.#holds.get(hold.name) === hold) this.#holds.delete(hold.name);
    this.#rest();
  }

  giveBack(handle: Handle): void {
    this.#claims.send('lock.release', [this.owner, handle.name, 0, 1]);
  }

  /** News: the cluster ended the hold that had this token. */
  ended(name: string, token: number, why: string): void {
    if (this.#underWay > 0) {
      this.#burnt ??= new Map();
      this.#burnt.set(name, Math.max(token, this.#burnt.get(name) ?? 0));
    }
    const hold = this.#holds.get(name);
    if (hold === undefined) return;
    // A hold that was granted anew since then has a greater token; one that was converted has it for all its handles.
    const gone = hold.handles.filter((handle) => token >= hold.token || token >= handle.granted);
    const shared = hold.mode !== 'x';
    this.#claims.lose(gone, why);
    // Sharers have one token: some of these may be of a grant that came after that end, and nobody would ever release it.
    if (shared) for (const _ of gone) this.#disown(name, token);
  }

  /** Keeps account of a request; `run` is called at once. */
  async #request<T>(run: () => Promise<T>): Promise<T> {
    if (this.#underWay >= REQUESTS_MAX)
      throw new ConcordError('OVERLOADED', `${REQUESTS_MAX} requests of owner ${this.owner} are under way already`);
    this.#underWay++;
    this.#concerned.set(this.owner, this);
    try {
      return await run();
    } catch (error) {
      if (error instanceof ConcordError && error.code === 'DEADLOCK') this.#beaten(error.details['birth']);
      throw error;
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#burnt = undefined;
      this.#rest();
    }
  }

  /** A DEADLOCK named the age of this owner. */
  #beaten(birth: unknown): void {
    if (typeof birth !== 'number') return;
    this.#birth = birth;
    this.#retrying = true;
  }

  #granted(rows: readonly Row[]): Lock[] {
    const gone = rows.filter(({ name, token }) => token <= (this.#burnt?.get(name) ?? 0));
    if (gone.length === 0) return rows.map((row) => this.#add(row));
    for (const row of rows) {
      if (gone.includes(row)) this.#disown(row.name, row.token);
      else this.#return(row);
    }
    throw new ConcordError('LOCK_LOST', `lock ${gone[0]?.name} was granted and has been taken away since`);
  }

  #add(row: Row): Lock {
    let hold = this.#holds.get(row.name);
    if (hold !== undefined && row.token > hold.token && LOCK_MODES[row.mode] <= LOCK_MODES[hold.mode]) {
      // Nothing was converted: the cluster counts this as a first grant, and news of how the hold before it ended is on its way.
      this.#claims.lose([...hold.handles], 'it was taken away, and given to the same owner anew');
      hold = undefined;
    }
    if (hold === undefined) hold = { ...row, handles: [] };
    else learn(hold, row);
    const handle = new Handle(hold, this);
    this.keep(handle);
    return handle;
  }

  /**
   * Something that had this token ended, or was granted after that: sharers have one token. Once for each time that it was granted; what
   * was granted with a greater token meanwhile is not meant.
   */
  #disown(name: string, token: number): void {
    this.#claims.send('lock.release', [this.owner, name, token, 1]);
  }

  /** Takes a grant back that nobody waits for. */
  #return(row: Row): void {
    this.#claims.send('lock.release', [this.owner, row.name, 0, 1]);
    const hold = this.#holds.get(row.name);
    if (hold !== undefined) this.#weaken(hold, row);
  }

  /**
   * A hold was strengthened for somebody who has given up: back to what it was. While other requests of this owner are under way it
   * stays as it is, which excludes more than it has to, because one of them may rely on it.
   */
  #weaken(hold: Hold, { mode, token }: Row): void {
    if (this.#holds.get(hold.name) !== hold || LOCK_MODES[mode] <= LOCK_MODES[hold.mode]) return;
    const row = { name: hold.name, mode: this.#underWay === 0 ? hold.mode : mode, token };
    learn(hold, row);
    if (row.mode === mode) return;
    const argument: ArgumentOf<'lock.convert'> = [this.owner, hold.name, modeNumber(row.mode), 0, 0];
    this.#claims.send('lock.convert', argument, (receipt) => learn(hold, rowOf(receipt.value)));
  }

  #rest(): void {
    if (this.#underWay > 0 || this.#handles.size > 0) return;
    this.#concerned.delete(this.owner);
    if (!this.#retrying) this.#birth = 0;
  }
}

function learn(hold: Hold, { mode, token }: Row): void {
  // Answers may overtake each other on the way, but tokens only rise.
  if (token < hold.token) return;
  hold.mode = mode;
  hold.token = token;
}

/** @throws ConcordError INVALID */
function askedOf(
  locks: string | readonly (string | readonly [string, LockMode])[],
  mode: LockMode,
): [string, number][] {
  const list = typeof locks === 'string' ? [locks] : locks;
  return list.map((one) => (typeof one === 'string' ? [one, modeNumber(mode)] : [one[0], modeNumber(one[1])]));
}

/** @throws ConcordError INVALID */
function modeNumber(mode: LockMode): number {
  if (Object.hasOwn(LOCK_MODES, mode)) return LOCK_MODES[mode];
  throw new ConcordError('INVALID', `a lock has the modes s, u and x, not ${mode}`);
}

/** @throws ConcordError INTERNAL */
function rowsOf({ value }: Receipt): Row[] {
  return (Array.isArray(value) ? value : [value]).map(rowOf);
}

/** @throws ConcordError INTERNAL */
function rowOf(value: unknown): Row {
  const [name, number, token] = Array.isArray(value) ? (value as unknown[]) : [];
  const mode = lockModeName(number);
  if (typeof name === 'string' && mode !== undefined && typeof token === 'number') return { name, mode, token };
  throw new ConcordError('INTERNAL', 'the answer to a request for a lock is no grant');
}
