/** Messages as lines of JSON over a local socket: what terminals and their keeper speak, and how a node tells that it is ready. */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import split2 from 'split2';

/** A longer line is refused, and its connection closed. */
const LINE_LENGTH_MAX = 65_536;

/** Calls back with the value of each line. A line that is too long or no JSON ends in `broken`, once; then nothing follows. */
export function readLines(stream: Readable, received: (value: unknown) => void, broken: (why: string) => void): void {
  const lines = split2({ maxLength: LINE_LENGTH_MAX });
  const refuse = (why: string) => {
    stream.unpipe(lines);
    lines.destroy();
    broken(why);
  };
  lines.on('error', () => refuse(`a line longer than ${LINE_LENGTH_MAX} characters`));
  lines.on('data', (line: string) => {
    if (line === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      refuse('a line that is no JSON');
      return;
    }
    received(value);
  });
  stream.pipe(lines);
}

/** Sends a message as one line. */
export function writeLine(socket: Socket, message: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}
