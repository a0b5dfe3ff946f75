/** Log files that a child process writes by itself: opened within a bound, and searched for what went wrong. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';

/** A log that is larger when its process starts begins anew. */
const LOG_BYTES_MAX = 1 << 20;

/** How far back from its end a log is searched. */
const TAIL_BYTES = 16_384;

const REASON_LENGTH_MAX = 300;

/** Opens a log for appending. `size` is where the lines of the coming process begin. The caller closes the descriptor. */
export function openLog(file: string): { readonly fd: number; readonly size: number } {
  const fd = openSync(file, 'a+', 0o600);
  if (fstatSync(fd).size > LOG_BYTES_MAX) ftruncateSync(fd, 0);
  return { fd, size: fstatSync(fd).size };
}

/** The last line from byte `from` on that names an error, else the last line, without control characters; '' when there is none. */
export function lastError(file: string, from: number): string {
  const lines = tail(file, from)
    .split('\n')
    .map((line) => line.replace(/\p{Cc}/gu, ' ').trim())
    .filter((line) => line !== '');
  const error = lines.findLast((line) => /^(?:\w*Error\b|FATAL ERROR)/.test(line));
  return (error ?? lines.at(-1) ?? '').slice(0, REASON_LENGTH_MAX);
}

function tail(file: string, from: number): string {
  let fd: number | null = null;
  try {
    fd = openSync(file, 'r');
    const end = fstatSync(fd).size;
    const start = Math.max(from, end - TAIL_BYTES);
    const bytes = Buffer.alloc(Math.max(0, end - start));
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start));
  } catch {
    return '';
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
