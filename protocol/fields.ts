/** The types of message fields: each checks a decoded value before anything looks at it, and names what it expects. */

/** A field's type. `check` returns the value, typed, or throws `FieldError`. */
export interface Field<T> {
  /** What the field holds, for documents and errors: "u32", "text up to 64". */
  readonly holds: string;
  check(value: unknown): T;
}

/** What a field's check found wrong. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
}

/** The value that a field holds. */
export type Held<F> = F extends Field<infer T> ? T : never;

function field<T>(holds: string, accepts: (value: unknown) => boolean): Field<T> {
  return {
    holds,
    check(value) {
      if (!accepts(value)) throw new FieldError(`expected ${holds}`);
      return value as T;
    },
  };
}

/** An integer of 0 to 2^32 - 1. */
export const u32 = field<number>('u32', (v) => typeof v === 'number' && v >>> 0 === v);

/** An integer of 0 to 2^53 - 1: an index, a term, milliseconds of cluster time. */
export const u53 = field<number>('u53', (v) => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0);

/** true or false. */
export const flag = field<boolean>('flag', (v) => typeof v === 'boolean');

/** A string of at most `max` UTF-16 units. */
export const text = (max: number): Field<string> =>
  field(`text up to ${max}`, (v) => typeof v === 'string' && v.length <= max);

/** As much of `value` as a field `text(max)` takes, with halves of surrogate pairs replaced: no encoder carries those. */
export function clip(value: string, max: number): string {
  return value.slice(0, max).replace(/\p{Surrogate}/gu, '\ufffd');
}

/** Bytes, at most `max`. */
export const bytes = (max: number): Field<Buffer> =>
  field(`bytes up to ${max}`, (v) => Buffer.isBuffer(v) && v.length <= max);

/** Any value that the guard lets through. */
export const any = field<unknown>('any', () => true);

/** A list of at most `max` items of one type. */
export function list<T>(item: Field<T>, max: number): Field<T[]> {
  const holds = `list of ${item.holds}, up to ${max}`;
  return {
    holds,
    check(value) {
      if (!Array.isArray(value) || value.length > max) throw new FieldError(`expected ${holds}`);
      for (const one of value) item.check(one);
      return value as T[];
    },
  };
}

/** A fixed sequence of fields. */
export function tuple<const F extends readonly Field<unknown>[]>(...items: F): Field<{ [I in keyof F]: Held<F[I]> }> {
  const holds = `[${items.map((item) => item.holds).join(', ')}]`;
  return {
    holds,
    check(value) {
      if (!Array.isArray(value) || value.length !== items.length) throw new FieldError(`expected ${holds}`);
      for (let i = 0; i < items.length; i++) items[i]?.check(value[i]);
      return value as { [I in keyof F]: Held<F[I]> };
    },
  };
}
