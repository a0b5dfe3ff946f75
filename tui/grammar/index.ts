/** The grammar: a line into a command, ways to go on, signatures, help. Pure. */
export { type Candidate, type Completion, complete, type Names, NO_NAMES } from './complete.js';
export { needsYes, withYes } from './confirm.js';
export { help, signature, usage } from './help.js';
export { isBlank } from './lex.js';
export { LINE_BYTES_MAX } from './limits.js';
export { lineOf, parse } from './parse.js';
export type { Effect } from './word.js';
export type { CommandOf, ParsedCommand, WordName } from './words.js';
export { escapeHidden, toJson, write } from './write.js';
