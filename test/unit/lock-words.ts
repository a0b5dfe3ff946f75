/** Words for tests of locks: group `c` with sessions that number their own commands, and what became of each. */
import { commandEntry, expireEntry } from '../../node/services/entry.js';
import {
  type Applied,
  type Coordination,
  coordinationMachine,
  type MachineLimits,
} from '../../node/services/group-machine.js';
import { LOCK_LIMITS, type LockLimits } from '../../node/services/locks/limits.js';
import type { Outcome } from '../../node/services/machine.js';
import { Tables } from '../../node/services/tables.js';
import type { ErrorDetails } from '../../protocol/errors.js';
import {
  type ArgumentOf,
  LOCK_MODES,
  type LockMode,
  lockModeName,
  type OperationName,
} from '../../protocol/operations.js';
import { answer, envelopeOf, Replica } from './replica.js';

/** A lock to ask for: 'k' exclusively, or with its mode, 'k:s'. */
export type Wanted = string;

export interface AcquireWords {
  readonly owner?: number;
  readonly wait?: number;
  readonly hold?: number;
  readonly delay?: number;
  readonly birth?: number;
  readonly note?: string;
}

/** Group `c`. */
export class LockGroup {
  readonly tables: Tables;
  readonly coordination: Coordination;
  readonly c: Replica;
  /** 'session/lane' -> what a pending command came to. */
  readonly settled = new Map<string, Outcome>();
  /** The same in the order in which it came about. */
  readonly order: string[] = [];

  constructor(limits: Partial<LockLimits> = {}, more: MachineLimits = {}) {
    this.tables = new Tables();
    this.coordination = coordinationMachine(this.tables, { locks: { ...LOCK_LIMITS, ...limits }, ...more });
    this.c = new Replica(this.coordination.machine);
  }

  get locks() {
    return this.coordination.locks;
  }

  /** Opens a session. */
  session(client = 'cli'): Party {
    const applied = this.note(this.c.run(0, 0, 'session.open', [client, 10_000]));
    return new Party(this, answer(applied.outcome) as number);
  }

  /** Lets cluster time pass. */
  wait(ms: number): void {
    this.note(this.c.wait(ms));
  }

  /** Ends sessions as a leader does whose patience is over. */
  expire(...parties: Party[]): void {
    this.note(this.c.apply(expireEntry(parties.map(({ session }) => session))));
  }

  note(applied: Applied): Applied {
    for (const { session, lane, outcome } of applied.settled) {
      this.settled.set(`${session}/${lane}`, outcome);
      this.order.push(`${session}/${lane}`);
    }
    return applied;
  }

  /** What `lock.find` tells, in words: holders as 'session/owner mode', the queue likewise. */
  lock(name: string): { token: number; holders: string[]; queue: string[] } | null {
    const found = this.c.look('lock.find', [name]) as unknown[] | null;
    if (found === null) return null;
    const [, token, holders, queue] = found as [string, number, unknown[][], unknown[][]];
    return {
      token,
      holders: holders.map(([session, , owner, mode]) => `${session}/${owner} ${letterOf(mode)}`),
      queue: queue.map(([session, , owner, mode]) => `${session}/${owner} ${letterOf(mode)}`),
    };
  }

  /** Everything that locks keep has its limit told: what of that is kept now. */
  kept(): Record<string, number> {
    const holdings = Object.entries(this.coordination.machine.holdings());
    const ours = holdings.filter(([name]) => name.startsWith('lock') || name.startsWith('sema'));
    return Object.fromEntries(ours.flatMap(([name, { held }]) => (held > 0 ? [[name, held]] : [])));
  }
}

/** Group `c`, and sessions of three in it. */
export function threeParties(): { group: LockGroup; a: Party; b: Party; c: Party } {
  const group = new LockGroup();
  return { group, a: group.session('anna'), b: group.session('bert'), c: group.session('cleo') };
}

/** A pending or finished command. */
export class Asked {
  readonly outcome: Outcome | undefined;
  readonly key: string;
  private readonly group: LockGroup;

  constructor(group: LockGroup, applied: Applied) {
    this.group = group;
    this.outcome = applied.outcome;
    this.key = `${applied.session}/${applied.lane}`;
  }

  /** The value of a result, the code of a refusal, 'PENDING': as it is now. */
  get now(): unknown {
    return answer(this.last);
  }

  /** The token of the first lock granted. */
  get token(): number {
    const grants = this.now as [string, number, number][];
    return grants[0]?.[2] ?? 0;
  }

  get details(): ErrorDetails {
    return this.last?.form === 'refusal' ? this.last.details : {};
  }

  get message(): string {
    return this.last?.form === 'refusal' ? this.last.message : '';
  }

  private get last(): Outcome | undefined {
    return this.group.settled.get(this.key) ?? this.outcome;
  }
}

/** A session and its commands. */
export class Party {
  readonly session: number;
  lane = 0;
  private readonly group: LockGroup;

  constructor(group: LockGroup, session: number) {
    this.group = group;
    this.session = session;
  }

  run<N extends OperationName>(name: N, argument: ArgumentOf<N>): Asked {
    this.lane++;
    const envelope = envelopeOf('c', this.session, this.lane, name, argument, { confirmed: this.lane - 1 });
    return new Asked(this.group, this.group.note(this.group.c.apply(commandEntry(envelope))));
  }

  /** `acquire('a', 'b:s', {wait: 100})`: owner 1, exclusively and without waiting unless said otherwise. */
  acquire(...wanted: (Wanted | AcquireWords)[]): Asked {
    const words = wanted.find((one): one is AcquireWords => typeof one !== 'string') ?? {};
    const { owner = 1, wait = 0, hold = 0, delay = 0, birth = 0, note = '' } = words;
    const locks = wanted.filter((one): one is Wanted => typeof one === 'string').map(wantedOf);
    return this.run('lock.acquire', [owner, locks, wait, hold, delay, birth, note]);
  }

  release(lock: string, { owner = 1, token = 0, count = 0 } = {}): Asked {
    return this.run('lock.release', [owner, lock, token, count]);
  }

  convert(wanted: Wanted, { owner = 1, wait = 0, birth = 0 } = {}): Asked {
    const [lock, mode] = wantedOf(wanted);
    return this.run('lock.convert', [owner, lock, mode, wait, birth]);
  }

  revoke(lock: string, after = 0): Asked {
    return this.run('lock.revoke', [lock, after]);
  }

  news(confirmed = 0, wait = 0): Asked {
    return this.run('lock.news', [confirmed, wait]);
  }

  close(): Asked {
    return this.run('session.close', [this.session]);
  }

  /** Gives up a pending command. */
  giveUp({ key }: Asked): unknown {
    const lane = Number(key.split('/')[1]);
    const envelope = envelopeOf('c', this.session, lane, 'lane.void', []);
    return answer(this.group.note(this.group.c.apply(commandEntry(envelope))).outcome);
  }
}

/** The mode, or '-' where there is none. */
export function letterOf(mode: unknown): string {
  return lockModeName(mode) ?? '-';
}

function wantedOf(wanted: Wanted): [string, number] {
  const [lock = '', mode = 'x'] = wanted.split(':');
  return [lock, LOCK_MODES[mode as LockMode]];
}
