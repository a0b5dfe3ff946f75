/** What every name has to be: it is shown in terminals and logs, and typed. */

/** True for text without control characters and others that nobody sees: formats, halves of characters, separators of lines. */
export function isPrintable(text: string): boolean {
  return isPlain(text) || !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

/** True when it is of printable ASCII, as most are. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}
