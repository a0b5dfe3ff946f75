/** Values as text: the way they would be typed, so that what a reply shows can be given back as an argument. */
import { readLiteral } from './json.js';

/** `value` on one line, free of control characters. Bytes are `hex:00ff`; text that needs quotes has them. */
export function write(value: unknown): string {
  if (Buffer.isBuffer(value)) return `hex:${value.toString('hex')}`;
  if (typeof value === 'string') return isPlain(value) ? value : escapeHidden(JSON.stringify(value));
  return escapeHidden(JSON.stringify(toJson(value)) ?? 'null');
}

/** `value` with bytes as {"$bytes": base64}, ready for JSON.stringify. */
export function toJson(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Buffer.isBuffer(value)) return { $bytes: value.toString('base64') };
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, toJson(inside)]));
}

/** Characters that move the cursor, hide or reorder text: controls, line separators, direction marks, halves of pairs. Not the
 * joiner inside emoji. */
const HIDDEN = /(?!\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** `text` with hidden characters as \uXXXX: safe to show on any terminal. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN, (hidden) => hidden.split('').map(escapeUnit).join(''));
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** True when `text` typed bare is the string `text`, in both forms of a command and at its end. */
function isPlain(text: string): boolean {
  return (
    /^[^\s,()[\]{}"'#@-][^\s,()]*$/.test(text) &&
    !text.startsWith('hex:') &&
    text.search(HIDDEN) === -1 &&
    readLiteral(text) === undefined &&
    !/^\d/.test(text)
  );
}
