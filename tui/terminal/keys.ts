/**
 * Turns the raw bytes of a terminal into key events. A state machine without a clock: bytes go in, events come out, and
 * `flush` says that nothing followed in time. Bytes may be cut anywhere: inside a character, a sequence or a paste.
 */
import { type KeyEvent, sequenceEvent } from './key-event.js';

/** Bytes kept of a paste. */
export const PASTE_BYTES_MAX = 1 << 20;
/** A control sequence longer than this is noise and dropped, bytes. */
const SEQUENCE_BYTES_MAX = 256;

const ESC = 0x1b;
const CR = 13;
const LF = 10;
const PASTE_END = Buffer.from('\u001b[201~');

interface Step {
  readonly used: number;
  readonly event: KeyEvent | null;
}

/** More bytes are needed to tell. */
const WAIT = 'wait';

/** Reads key events from chunks of bytes. */
export class KeyReader {
  private rest: Buffer = Buffer.alloc(0);
  private paste: { chunks: Buffer[]; bytes: number; cut: boolean } | null = null;
  /** The last byte was a CR: an LF right behind it belongs to it. */
  private afterCr = false;

  /**
   * What is unfinished: a sequence that has to go on within some 50 ms or was the escape key, or a paste whose end has to come
   * while its bytes do. Call `flush` when nothing follows in time.
   */
  get waiting(): 'sequence' | 'paste' | null {
    if (this.paste !== null) return 'paste';
    return this.rest.length > 0 ? 'sequence' : null;
  }

  /** The events that these bytes complete. */
  push(chunk: Uint8Array): KeyEvent[] {
    this.rest = this.rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.rest, chunk]);
    return this.read(false);
  }

  /** Nothing followed in time: what waits is what it is. A lone escape is the escape key, a paste without an end has ended. */
  flush(): KeyEvent[] {
    if (this.paste === null) return this.rest.length > 0 ? this.read(true) : [];
    this.rest = Buffer.concat([this.rest, PASTE_END]);
    return this.read(true);
  }

  private read(final: boolean): KeyEvent[] {
    const events: KeyEvent[] = [];
    let at = 0;
    while (at < this.rest.length) {
      const byte = this.rest[at];
      const isSecond = this.afterCr && byte === LF;
      this.afterCr = byte === CR && this.paste === null;
      if (isSecond) {
        at += 1;
        continue;
      }
      if (this.paste) {
        const used = this.readPaste(at, events);
        at += used;
        if (this.paste) break;
        continue;
      }
      const step = readStep(this.rest, at, final);
      if (step === WAIT) break;
      at += step.used;
      if (step.event === null) continue;
      if (step.event.kind === 'paste') this.paste = { chunks: [], bytes: 0, cut: false };
      else append(events, step.event);
    }
    this.rest = this.rest.subarray(at);
    return events;
  }

  /** Takes what belongs to the paste; keeps back what may be the beginning of its end mark. Returns the bytes used. */
  private readPaste(at: number, events: KeyEvent[]): number {
    const paste = this.paste;
    if (!paste) return 0;
    const end = this.rest.indexOf(PASTE_END, at);
    const stop = end === -1 ? this.rest.length - partialEnd(this.rest, at) : end;
    const room = PASTE_BYTES_MAX - paste.bytes;
    const piece = this.rest.subarray(at, Math.min(stop, at + room));
    if (stop - at > room) paste.cut = true;
    if (piece.length > 0) {
      paste.chunks.push(piece);
      paste.bytes += piece.length;
    }
    if (end === -1) return stop - at;
    const text = Buffer.concat(paste.chunks).toString('utf8').replace(/\r\n?/g, '\n');
    events.push({ kind: 'paste', text, cut: paste.cut });
    this.paste = null;
    return end - at + PASTE_END.length;
  }
}

/** Length of the longest beginning of the end mark that the buffer ends with. */
function partialEnd(buffer: Buffer, from: number): number {
  for (let length = Math.min(PASTE_END.length - 1, buffer.length - from); length > 0; length--) {
    if (buffer.subarray(buffer.length - length).equals(PASTE_END.subarray(0, length))) return length;
  }
  return 0;
}

/** Joins neighbouring text into one event. */
function append(events: KeyEvent[], event: KeyEvent): void {
  const last = events.at(-1);
  if (event.kind === 'text' && last?.kind === 'text') {
    events[events.length - 1] = { kind: 'text', text: last.text + event.text };
  } else {
    events.push(event);
  }
}

function readStep(buffer: Buffer, at: number, final: boolean): Step | typeof WAIT {
  const byte = buffer[at] ?? 0;
  if (byte === ESC) return readEscape(buffer, at, final);
  if (byte < 0x20 || byte === 0x7f) return readControl(buffer, at);
  return readText(buffer, at, final);
}

/** Names of the control bytes that are keys of their own. ^H is what some terminals send for backspace, ^J for enter. */
const CONTROLS: Readonly<Record<number, string>> = {
  0: 'ctrl+space',
  8: 'backspace',
  9: 'tab',
  10: 'enter',
  13: 'enter',
  28: 'ctrl+\\',
  29: 'ctrl+]',
  30: 'ctrl+^',
  31: 'ctrl+_',
  127: 'backspace',
};

function controlName(byte: number): string {
  return CONTROLS[byte] ?? `ctrl+${String.fromCharCode(byte + 0x60)}`;
}

function readControl(buffer: Buffer, at: number): Step {
  return { used: 1, event: { kind: 'key', name: controlName(buffer[at] ?? 0) } };
}

/** One character of UTF-8. Bytes that are none become a replacement character each. */
function readText(buffer: Buffer, at: number, final: boolean): Step | typeof WAIT {
  const byte = buffer[at] ?? 0;
  if (byte < 0x80) {
    let end = at + 1;
    while (end < buffer.length && isPrintable(buffer[end] ?? 0)) end++;
    return { used: end - at, event: { kind: 'text', text: buffer.toString('latin1', at, end) } };
  }
  const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
  let end = at + 1;
  while (end < at + length && end < buffer.length && isContinuation(buffer[end] ?? 0)) end++;
  if (end === buffer.length && end < at + length && !final) return WAIT;
  const text = buffer.toString('utf8', at, end);
  const isC1 = text >= '\u0080' && text <= '\u009f';
  return { used: end - at, event: isC1 ? null : { kind: 'text', text } };
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function readEscape(buffer: Buffer, at: number, final: boolean): Step | typeof WAIT {
  const next = buffer[at + 1];
  if (next === undefined) return final ? { used: 1, event: { kind: 'key', name: 'escape' } } : WAIT;
  const introducer = String.fromCharCode(next);
  let step: Step | typeof WAIT = WAIT;
  if (introducer === '[') step = readCsi(buffer, at);
  else if (introducer === 'O') step = readSs3(buffer, at);
  else if (']PX^_'.includes(introducer)) step = readString(buffer, at);
  else return readAlt(buffer, at, final);
  // What did not go on was typed: Alt and that letter.
  if (step === WAIT && final) return { used: 2, event: { kind: 'key', name: `alt+${introducer}` } };
  return step;
}

/** Escape before another key is Alt with it. */
function readAlt(buffer: Buffer, at: number, final: boolean): Step | typeof WAIT {
  const step = readStep(buffer, at + 1, final);
  if (step === WAIT) return WAIT;
  const { event } = step;
  if (event === null || event.kind === 'paste') return { used: 1, event: { kind: 'key', name: 'escape' } };
  if (event.kind === 'key') return { used: step.used + 1, event: { kind: 'key', name: withAlt(event.name) } };
  const letter = String.fromCodePoint(event.text.codePointAt(0) ?? 0);
  const name = letter === ' ' ? 'alt+space' : `alt+${letter}`;
  return { used: 1 + Buffer.byteLength(letter), event: { kind: 'key', name } };
}

function withAlt(name: string): string {
  if (name.includes('alt+')) return name;
  return name.startsWith('ctrl+') ? `ctrl+alt+${name.slice(5)}` : `alt+${name}`;
}

/** ESC [ parameters intermediates final. */
function readCsi(buffer: Buffer, at: number): Step | typeof WAIT {
  // The Linux console sends ESC [ [ A for F1; old mouse reports are ESC [ M and three bytes.
  const first = buffer[at + 2];
  if (first === 0x5b) return buffer.length > at + 3 ? finish(buffer, at, at + 3) : WAIT;
  if (first === 0x4d) return buffer.length >= at + 6 ? { used: 6, event: null } : WAIT;
  for (let end = at + 2; end < buffer.length; end++) {
    const byte = buffer[end] ?? 0;
    if (byte >= 0x40 && byte <= 0x7e) return finish(buffer, at, end);
    if (byte < 0x20 || byte > 0x7e || end - at > SEQUENCE_BYTES_MAX) return { used: end - at, event: null };
  }
  return WAIT;
}

/** ESC O letter. */
function readSs3(buffer: Buffer, at: number): Step | typeof WAIT {
  return buffer.length > at + 2 ? finish(buffer, at, at + 2) : WAIT;
}

function finish(buffer: Buffer, at: number, end: number): Step {
  const sequence = buffer.toString('latin1', at + 1, end + 1);
  return { used: end + 1 - at, event: sequenceEvent(sequence) };
}

/** A string that a terminal sent as an answer (OSC, DCS, ...): swallowed up to its end, BEL or ESC \. */
function readString(buffer: Buffer, at: number): Step | typeof WAIT {
  for (let end = at + 2; end < buffer.length; end++) {
    const byte = buffer[end] ?? 0;
    if (byte === 7) return { used: end + 1 - at, event: null };
    if (byte === ESC) {
      if (end + 1 === buffer.length) return WAIT;
      return { used: buffer[end + 1] === 0x5c ? end + 2 - at : end - at, event: null };
    }
    if (end - at > SEQUENCE_BYTES_MAX) return { used: end - at, event: null };
  }
  return WAIT;
}
