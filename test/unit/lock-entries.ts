/** Entries of group `c` as a fuzzer makes them that knows what locks and semaphores are for: most of them do something. */
import fc from 'fast-check';
import { commandEntry, expireEntry, tickEntry } from '../../node/services/entry.js';
import type { ArgumentOf, OperationName } from '../../protocol/operations.js';
import { openEntry } from './entries.js';
import { envelopeOf } from './replica.js';

/** Those that are opened first: their ids are the indexes of these entries. */
export const SESSIONS = [1, 2, 3, 4];
const session = fc.constantFrom(...SESSIONS);
const owner = fc.constantFrom(1, 2);
const lock = fc.constantFrom('a', 'b', 'c', '');
const mode = fc.constantFrom(1, 2, 3, 3, 4);
const wait = fc.constantFrom(0, 5, 40, 1000);

/** A command of a session: its number comes when it is sent. */
const command = <N extends OperationName>(name: N, argument: fc.Arbitrary<ArgumentOf<N>>) =>
  fc
    .tuple(session, argument, fence)
    .map(([of, value, under]) => ({ of, name: name as OperationName, value: value as unknown, fence: under }));
/** Tokens are indexes: some are of a holder, some too low, some of nobody yet. */
const fence = fc.oneof(
  { weight: 9, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 90 })).map((of) => of.join(':')),
  },
);
const commands = fc.oneof(
  {
    weight: 8,
    arbitrary: command(
      'lock.acquire',
      fc.tuple(
        owner,
        fc.array(fc.tuple(lock, mode), { maxLength: 3 }),
        wait,
        fc.constantFrom(0, 0, 8),
        fc.constantFrom(0, 6),
        fc.constantFrom(0, 3),
        fc.constantFrom('', 'note'),
      ),
    ),
  },
  { weight: 4, arbitrary: command('lock.release', fc.tuple(owner, lock, fc.constantFrom(0, 0, 9), fc.nat(2))) },
  { weight: 3, arbitrary: command('lock.convert', fc.tuple(owner, lock, mode, wait, fc.constant(0))) },
  { weight: 2, arbitrary: command('lock.revoke', fc.tuple(lock, fc.constantFrom(0, 5))) },
  { weight: 2, arbitrary: command('lock.news', fc.tuple(fc.constantFrom(0, 0, 1, 2, 5), wait)) },
  { weight: 1, arbitrary: command('lane.void', fc.constant([] as [])) },
  {
    weight: 1,
    arbitrary: command('lane.confirm', fc.tuple(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 9 }))),
  },
  { weight: 1, arbitrary: command('session.close', fc.tuple(session)) },
  { weight: 2, arbitrary: command('sem.set', fc.tuple(lock, fc.nat(4))) },
  { weight: 3, arbitrary: command('sem.acquire', fc.tuple(owner, lock, fc.nat(3), wait)) },
  { weight: 2, arbitrary: command('sem.release', fc.tuple(owner, lock, fc.nat(3))) },
);
/** A command, sessions that expire, or nothing but time. */
export type Step =
  | { readonly of: number; readonly name: OperationName; readonly value: unknown; readonly fence: string }
  | { readonly ids: number[] }
  | null;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: commands as fc.Arbitrary<Step> },
  { weight: 1, arbitrary: fc.array(session, { maxLength: 2 }).map((ids) => ({ ids })) },
  { weight: 1, arbitrary: fc.constant(null) },
);
/** Steps, each with the time that passes before it, ms, and how far back it looks. */
export const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 0, 3, 9), fc.nat(4)), {
  maxLength: 120,
  size: 'max',
});

/** Entries from steps: numbers in order, but for a void, which may be about any number that was sent. First the sessions are opened. */
export function lockEntries(list: readonly [Step, number, number][]): [Buffer, number][] {
  const lanes = new Map<number, number>();
  const opened = SESSIONS.map((): [Buffer, number] => [openEntry('cli', 10_000), 0]);
  const entries = list.map(([one, ms, back]): [Buffer, number] => {
    if (one === null) return [tickEntry(), ms];
    if ('ids' in one) return [expireEntry(one.ids), ms];
    const last = lanes.get(one.of) ?? 0;
    const lane = one.name === 'lane.void' && last > 0 ? Math.max(1, last - back) : last + 1;
    lanes.set(one.of, Math.max(last, lane));
    const options = { confirmed: Math.max(0, lane - 1 - 4 * back), fence: one.fence };
    return [commandEntry(envelopeOf('c', one.of, lane, one.name, one.value as never, options)), ms];
  });
  return [...opened, ...entries];
}
