/** Keys of rows: numbers, strings, and sequences of these, in one order as values and as bytes. */

/** A negative number when `a` comes first, 0 when they are the same key, a positive number when `b` comes first. */
export type Compare<K> = (a: K, b: K) => number;

/** What the keys of a table are. */
export interface KeyForm<K> {
  readonly compare: Compare<K>;
  /** Bytes of the key, in memory of their own. Of two keys the lesser one has the lesser bytes; none begins another's. @throws RangeError for a number that is no u53 */
  encode(key: K): Buffer;
  /** The key whose bytes these are. @throws RangeError when they are none's */
  decode(bytes: Buffer): K;
}

/** What an element of a key is: an integer of 0 to 2^53 - 1, or a string. */
export type Element = 'number' | 'string';

/** The key that such elements make up. */
export type KeyOf<E extends readonly Element[]> = { readonly [I in keyof E]: E[I] extends 'number' ? number : string };

/** Numbers, ascending. */
export const compareNumbers: Compare<number> = (a, b) => a - b;

/** Strings by UTF-16 code units: the same on every machine, whatever its locale. */
export const compareStrings: Compare<string> = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Pairs of numbers, by the first and then by the second. */
export const comparePairs: Compare<readonly [number, number]> = (a, b) => a[0] - b[0] || a[1] - b[1];

/** Keys that are one number. */
export const numberKey: KeyForm<number> = {
  compare: compareNumbers,
  encode: (key) => encodeAll([key], NUMBER),
  decode: (bytes) => decodeAll(bytes, NUMBER)[0] as number,
};

/** Keys that are one string. */
export const stringKey: KeyForm<string> = {
  compare: compareStrings,
  encode: (key) => encodeAll([key], STRING),
  decode: (bytes) => decodeAll(bytes, STRING)[0] as string,
};

/** Keys that are several elements, by the first, then by the second, ... */
export function tupleKey<const E extends readonly Element[]>(...elements: E): KeyForm<KeyOf<E>> {
  return {
    compare: compareTuples,
    encode: (key) => encodeAll(key, elements),
    decode: (bytes) => decodeAll(bytes, elements) as KeyOf<E>,
  };
}

/** Keys that are two numbers. */
export const pairKey: KeyForm<readonly [number, number]> = { ...tupleKey('number', 'number'), compare: comparePairs };

const NUMBER: readonly Element[] = ['number'];
const STRING: readonly Element[] = ['string'];

/** A number is so many bytes, the high ones first. */
const NUMBER_BYTES = 7;
const HIGH = 2 ** 32;
/** A code unit takes at most so many bytes. */
const UNIT_BYTES_MAX = 3;

/**
 * A string is each of its UTF-16 code units by itself in the form that UTF-8 has for a code point of that number: unlike that of
 * UTF-8 its order is the one of code units, and it carries half a surrogate pair as well. A zero ends it; the units 0 and 1 are
 * written as a one and the unit + 1.
 */
const END = 0;
const ESCAPE = 1;

type Tuple = readonly (number | string)[];

function compareTuples(a: Tuple, b: Tuple): number {
  for (let i = 0; i < a.length; i++) {
    const one = a[i] as number | string;
    const order = typeof one === 'number' ? one - (b[i] as number) : compareStrings(one, b[i] as string);
    if (order !== 0) return order;
  }
  return 0;
}

function encodeAll(key: Tuple, elements: readonly Element[]): Buffer {
  let size = 0;
  for (const element of key) size += typeof element === 'number' ? NUMBER_BYTES : element.length * UNIT_BYTES_MAX + 1;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < elements.length; i++) {
    const element = key[i];
    at = elements[i] === 'number' ? putNumber(bytes, at, element as number) : putString(bytes, at, element as string);
  }
  return at === size ? bytes : Buffer.from(bytes.subarray(0, at));
}

function putNumber(bytes: Buffer, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be part of a key`);
  bytes.writeUIntBE(Math.floor(value / HIGH), at, NUMBER_BYTES - 4);
  return bytes.writeUInt32BE(value % HIGH, at + NUMBER_BYTES - 4);
}

function putString(bytes: Buffer, from: number, value: string): number {
  let at = from;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit <= ESCAPE) {
      bytes[at++] = ESCAPE;
      bytes[at++] = unit + 1;
    } else if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    }
  }
  bytes[at] = END;
  return at + 1;
}

function decodeAll(bytes: Buffer, elements: readonly Element[]): (number | string)[] {
  const reader = new Reader(bytes);
  const key = elements.map((element) => (element === 'number' ? reader.number() : reader.string()));
  reader.end();
  return key;
}

/** Reads elements one behind the other. Takes only what `encodeAll` writes, so that no two byte strings are the same key. */
class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let i = 0; i < NUMBER_BYTES; i++) value = value * 256 + this.next();
    return Number.isSafeInteger(value) ? value : this.fail();
  }

  string(): string {
    const units: number[] = [];
    for (let byte = this.next(); byte !== END; byte = this.next()) units.push(this.unit(byte));
    return textOf(units);
  }

  end(): void {
    if (this.at !== this.bytes.length) this.fail();
  }

  private unit(first: number): number {
    if (first === ESCAPE) {
      const unit = this.next() - 1;
      return unit === 0 || unit === 1 ? unit : this.fail();
    }
    if (first < 0x80) return first;
    if (first >= 0xc2 && first < 0xe0) return ((first & 0x1f) << 6) | this.more();
    if (first < 0xe0 || first > 0xef) return this.fail();
    const unit = ((first & 0x0f) << 12) | (this.more() << 6) | this.more();
    return unit >= 0x800 ? unit : this.fail();
  }

  private more(): number {
    const byte = this.next();
    return (byte & 0xc0) === 0x80 ? byte & 0x3f : this.fail();
  }

  private next(): number {
    return this.bytes[this.at++] ?? this.fail();
  }

  private fail(): never {
    throw new RangeError(`these bytes are no key of this form: ${this.bytes.toString('hex')}`);
  }
}

/** Units that one call takes. */
const UNITS_MAX = 4096;

function textOf(units: readonly number[]): string {
  let text = '';
  for (let i = 0; i < units.length; i += UNITS_MAX) text += String.fromCharCode(...units.slice(i, i + UNITS_MAX));
  return text;
}
