/**
 * Reads the values of one MessagePack array by hand, each as the type that is due, in any form that the codec takes. For the few
 * shapes that every command meets: several times faster than the codec, and nothing that was not asked for is looked at.
 */
import { FieldError } from './fields.js';

const U32_MAX = 0xffff_ffff;
/** Up to this many bytes a string is read faster by hand than by the native decoder. */
const SHORT_TEXT = 16;
/** Short strings are remembered, since the same few come all the time: a power of 2. */
const REMEMBERED = 64;

/** A reader. It may be used for one value after another. */
export class Reader {
  private bytes: Buffer;
  private at = 0;
  private readonly what: string;

  /** `what` is read, for errors: "an envelope". */
  constructor(what: string) {
    this.what = what;
    this.bytes = NOTHING;
  }

  /** Begins with `bytes` at `from`: an array of `items`. @throws FieldError, here and below, when they are not what is due */
  begin(bytes: Buffer, from: number, items: number): void {
    this.bytes = bytes;
    this.at = from;
    if (this.count() !== items) throw new FieldError(`${this.what} is an array of ${items}`);
  }

  /** An integer of 0 to 2^32 - 1. */
  u32(): number {
    const value = this.integer();
    if (value >= 0 && value <= U32_MAX && Number.isInteger(value)) return value;
    throw this.wrong('u32');
  }

  /** An integer of 0 to 2^53 - 1. */
  u53(): number {
    const value = this.integer();
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER && Number.isInteger(value)) return value;
    throw this.wrong('u53');
  }

  flag(): boolean {
    const lead = this.byte();
    if (lead === 0xc3) return true;
    if (lead === 0xc2) return false;
    throw this.wrong('flag');
  }

  /** A string of at most `max` UTF-16 units. */
  text(max: number): string {
    const lead = this.byte();
    if (lead === 0xa0) return '';
    const length =
      lead >> 5 === 5 ? lead & 0x1f : lead >= 0xd9 && lead <= 0xdb ? this.unsigned(1 << (lead - 0xd9)) : -1;
    // A UTF-16 unit takes three bytes at most.
    if (length < 0 || length > 3 * max) throw this.wrong(`text up to ${max}`);
    const start = this.skip(length);
    const value = shortAscii(this.bytes, start, this.at) ?? this.bytes.toString('utf8', start, this.at);
    if (value.length > max) throw this.wrong(`text up to ${max}`);
    return value;
  }

  /** The length of a list, at most `max`; its items come next. */
  list(max: number): number {
    const count = this.count();
    if (count < 0 || count > max) throw this.wrong(`list up to ${max}`);
    return count;
  }

  /** Bytes, at most `max`. They share the memory of what is read. */
  view(max: number): Buffer {
    const lead = this.byte();
    const length = lead >= 0xc4 && lead <= 0xc6 ? this.unsigned(1 << (lead - 0xc4)) : -1;
    if (length < 0 || length > max) throw this.wrong(`bytes up to ${max}`);
    const start = this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  /** As `view`, and they have to be the last item. */
  rest(max: number): Buffer {
    const view = this.view(max);
    this.end();
    return view;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.at !== this.bytes.length) throw new FieldError(`bytes after ${this.what}`);
    // No hold is kept on it.
    this.bytes = NOTHING;
  }

  /** The length of an array; -1 when there is none. */
  private count(): number {
    const lead = this.byte();
    if (lead >> 4 === 9) return lead & 0x0f;
    return lead === 0xdc ? this.unsigned(2) : lead === 0xdd ? this.unsigned(4) : -1;
  }

  private integer(): number {
    const lead = this.byte();
    return lead < 0x80 ? lead : this.number(lead);
  }

  private byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new FieldError(`${this.what} cut short`);
    return value;
  }

  private skip(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw new FieldError(`${this.what} cut short`);
    this.at = start + length;
    return start;
  }

  private unsigned(width: number): number {
    const start = this.skip(width);
    let value = 0;
    for (let i = start; i < this.at; i++) value = value * 0x100 + (this.bytes[i] ?? 0);
    return value;
  }

  /** The number behind `lead`; -1 when there is none. */
  private number(lead: number): number {
    switch (lead) {
      case 0xcc:
        return this.byte();
      case 0xcd:
        return this.unsigned(2);
      case 0xce:
        return this.unsigned(4);
      case 0xcb:
        return this.bytes.readDoubleBE(this.skip(8));
      case 0xca:
        return this.bytes.readFloatBE(this.skip(4));
      case 0xcf:
        return this.unsigned(4) * 2 ** 32 + this.unsigned(4);
      case 0xd0:
        return this.bytes.readInt8(this.skip(1));
      case 0xd1:
        return this.bytes.readInt16BE(this.skip(2));
      case 0xd2:
        return this.bytes.readInt32BE(this.skip(4));
      case 0xd3:
        return this.bytes.readInt32BE(this.skip(4)) * 2 ** 32 + this.unsigned(4);
      default:
        return -1;
    }
  }

  private wrong(holds: string): FieldError {
    return new FieldError(`expected ${holds} before byte ${this.at} of ${this.what}`);
  }
}

const NOTHING = Buffer.alloc(0);
const remembered: string[] = new Array<string>(REMEMBERED).fill('');

/** The string in `bytes` when it is short and plain ASCII. */
function shortAscii(bytes: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  if (length > SHORT_TEXT) return undefined;
  const place = ((bytes[start] ?? 0) * 7 + (bytes[end - 1] ?? 0) + length) & (REMEMBERED - 1);
  const known = remembered[place] ?? '';
  if (known.length === length && equals(known, bytes, start)) return known;
  let value = '';
  for (let i = start; i < end; i++) {
    const unit = bytes[i] ?? 0;
    if (unit >= 0x80) return undefined;
    value += String.fromCharCode(unit);
  }
  remembered[place] = value;
  return value;
}

function equals(text: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
