/** Entries as a fuzzer makes them: well formed, with a mistake, or not entries at all. */
import fc from 'fast-check';
import {
  commandEntry,
  ENTRY_KINDS,
  expireEntry,
  fencesEntry,
  firstCommandEntry,
  sweepEntry,
  tickEntry,
} from '../../node/services/entry.js';
import type { OPERATIONS } from '../../protocol/operations.js';
import { anyValue, envelopeOf } from './replica.js';

const session = fc.constantFrom(1, 2, 3, 4, 5);
const lane = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.maxSafeNat() },
);
const argument: fc.Arbitrary<[keyof typeof OPERATIONS, unknown]> = fc.oneof(
  fc.tuple(
    fc.constant('queue.enqueue' as const),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => [Buffer.from(bytes)]),
  ),
  fc.tuple(fc.constant('queue.dequeue' as const), fc.constantFrom([0], [5], [4_294_967_295])),
  fc.tuple(fc.constantFrom('lane.void', 'queue.size', 'session.list'), fc.constant([])),
  fc.tuple(
    fc.constant('lane.confirm' as const),
    fc.array(fc.nat(6)).map((lanes) => [lanes]),
  ),
  fc.tuple(
    fc.constant('session.close' as const),
    session.map((id) => [id]),
  ),
  fc.tuple(
    fc.constantFrom('queue.enqueue', 'session.open', 'session.list', 'lane.confirm'),
    anyValue.map((value) => [value]),
  ),
);
const fence = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('a', 'b:c'), fc.nat(9)).map(([lock, token]) => `${lock}:${token}`),
  },
);
const command = (group: 'c' | 's0') =>
  fc
    .tuple(session, lane, fc.nat(6), argument, fence)
    .map(([of, number, confirmed, [name, value], under]) =>
      envelopeOf(group, of, number, name as 'lane.void', value as [], { confirmed, fence: under }),
    );
/** The entry that opens a session. */
export const openEntry = (client: string, ttl_ms: number): Buffer =>
  commandEntry(envelopeOf('c', 0, 0, 'session.open', [client, ttl_ms]));
const open = fc
  .tuple(fc.string({ maxLength: 5 }), fc.constantFrom(0, 1000, 10_000))
  .map(([client, ttl_ms]) => openEntry(client, ttl_ms));
const entry = (group: 'c' | 's0') =>
  fc.oneof(
    { weight: 6, arbitrary: command(group).map(commandEntry) },
    {
      weight: 6,
      arbitrary: fc.tuple(fc.nat(30), command(group)).map(([alive, bytes]) => firstCommandEntry(alive, bytes)),
    },
    { weight: 3, arbitrary: open },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.nat(20), fc.array(session)).map(([horizon, ids]) => sweepEntry(horizon, ids)),
    },
    { weight: 1, arbitrary: fc.array(session).map(expireEntry) },
    { weight: 1, arbitrary: fc.constant(tickEntry()) },
    { weight: 1, arbitrary: fc.nat(9).map(fencesEntry) },
  );
/** Entries as they should be, with a byte wrong, cut short, or not entries at all. */
export const anyEntry = (group: 'c' | 's0') =>
  fc.oneof(
    { weight: 8, arbitrary: entry(group) },
    {
      weight: 2,
      arbitrary: fc.tuple(entry(group), fc.nat(200), fc.nat(255)).map(([good, at, wrong]) => {
        const bad = Buffer.from(good);
        bad[at % bad.length] = wrong;
        return bad;
      }),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(entry(group), fc.nat(200)).map(([good, at]) => good.subarray(0, at % good.length)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((any) => Buffer.from(any)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...Object.values(ENTRY_KINDS)), fc.uint8Array({ maxLength: 40 }))
        .map(([kind, any]) => Buffer.from([kind, ...any])),
    },
  );
