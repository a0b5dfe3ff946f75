/** Random values for tests of the wire: what may be carried, and whole messages of the catalogue. */
import fc from 'fast-check';
import type { Field } from '../../protocol/fields.js';
import { MESSAGES, type Message, type MessageName } from '../../protocol/messages.js';

/** A Buffer with memory of its own. */
export const someBytes = (max: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: max }).map((bytes) => Buffer.from(bytes));

/** An integer of 0 to `max`, often near a place where its encoding changes. */
export const someInteger = (max: number): fc.Arbitrary<number> => {
  const edges = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  const within = edges.filter((edge) => edge <= max);
  return fc.oneof(fc.constantFrom(...within), fc.integer({ min: 0, max: Math.min(max, 2 ** 53 - 1) }));
};

/** A string of at most `max` UTF-16 units without halves of surrogate pairs. */
export const someText = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', maxLength: Math.min(max, 40) }).map((value) => {
    const cut = value.slice(0, max);
    return /\p{Surrogate}$/u.test(cut) ? cut.slice(0, -1) : cut;
  });

const key = someText(12).filter((value) => !['__proto__', '_isUint64BE', '_isInt64BE'].includes(value));

/** Anything that the codec carries. -0 arrives as 0 and so is left out. */
export const someValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    someInteger(Number.MAX_SAFE_INTEGER),
    fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0) && (!Number.isInteger(n) || Number.isSafeInteger(n))),
    someText(40),
    someBytes(40),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** A value that the field takes, read off what it says it holds. */
function heldBy(field: Field<unknown>): fc.Arbitrary<unknown> {
  const { holds } = field;
  if (holds === 'u32') return someInteger(2 ** 32 - 1);
  if (holds === 'u53') return someInteger(Number.MAX_SAFE_INTEGER);
  if (holds === 'flag') return fc.boolean();
  if (holds === 'any') return someValue;
  const limit = /^(text|bytes) up to (\d+)$/.exec(holds);
  if (limit?.[1] === 'text') return someText(Number(limit[2]));
  if (limit?.[1] === 'bytes') return someBytes(Math.min(Number(limit[2]), 400));
  const tuple = /^\[(.*)\]$/.exec(holds);
  if (tuple) return fc.tuple(...(tuple[1] ?? '').split(', ').map((inner) => heldBy({ ...field, holds: inner })));
  const list = /^list of (.*), up to (\d+)$/.exec(holds);
  if (list) return fc.array(heldBy({ ...field, holds: list[1] ?? '' }), { maxLength: 4 });
  throw new Error(`no values for a field that holds ${holds}`);
}

/** A message of that kind with random fields. */
export function someMessage(kind: MessageName): fc.Arbitrary<Message> {
  const fields: Record<string, Field<unknown>> = MESSAGES[kind].fields;
  const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, heldBy(field)]));
  return fc.record(values).map((record) => ({ kind, ...record }) as unknown as Message);
}

/** Any message of the catalogue. */
export const anyMessage: fc.Arbitrary<Message> = fc
  .constantFrom(...(Object.keys(MESSAGES) as MessageName[]))
  .chain(someMessage);
