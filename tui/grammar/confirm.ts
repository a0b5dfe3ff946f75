/** The yes that a command which destroys something needs. */
import { lex } from './lex.js';
import type { ParsedCommand } from './words.js';

/** True when the command destroys something and was not told --yes. */
export function needsYes(command: ParsedCommand): boolean {
  return command.effect === 'destroys' && command.flags.yes !== true;
}

/** The line of a command, with --yes. */
export function withYes(command: ParsedCommand): string {
  const { line, node } = command;
  const { word, call } = lex(line);
  if (!call) return `${line.slice(0, word?.end)} --yes${line.slice(word?.end)}`;
  return node === null ? `${line} --yes` : `${line.trimEnd().slice(0, -node.length - 1)}--yes @${node}`;
}
