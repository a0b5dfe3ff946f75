/** What a person is told about words: signatures, and help for one or all of them. */
import { lex } from './lex.js';
import { nearest } from './nearest.js';
import { unknownWord } from './usage.js';
import { type Argument, type Flag, type Kind, SECTIONS, type Word } from './word.js';
import { entries, GLOBAL_FLAGS, spellings, type WordName, wordName, wordOf } from './words.js';

/** How a word is used: `log [n=20] [--from index] [--group group]`. */
export function usage(name: WordName, form: 'plain' | 'call' = 'plain'): string {
  const word = wordOf(name);
  const args = word.arguments.map(showArgument);
  const head = form === 'call' ? `${name}(${args.join(', ')})` : [name, ...args].join(' ');
  return [head, ...word.flags.map((flag) => `[${showFlag(flag)}]`)].join(' ');
}

/** The usage of the word that `line` begins with, in the form it is being typed in; '' while there is none. */
export function signature(line: string): string {
  const { word, call } = lex(line);
  const name = word === null ? undefined : wordName(word.text);
  return name === undefined ? '' : usage(name, call ? 'call' : 'plain');
}

/** The list of all words, or everything about one. @throws ConcordError UNKNOWN_WORD */
export function help(word?: string): string {
  if (word === undefined) return helpAll();
  const name = wordName(word);
  if (name === undefined) throw unknownWord(word, 0, nearest(word, spellings()));
  return helpOne(name, wordOf(name));
}

function helpAll(): string {
  const width = Math.max(...entries().map(([name]) => usageHead(name).length));
  const sections = SECTIONS.map((section) => {
    const rows = entries().filter(([, word]) => word.section === section);
    return [section, ...rows.map(([name, word]) => `  ${usageHead(name).padEnd(width)}  ${word.help}`)].join('\n');
  });
  return [...sections, FORMS].join('\n\n');
}

/** What stands for the value of a flag where the name of its kind would not do. */
const STANDS_FOR: { readonly [K in Kind]?: string } = { duration: '5s', modes: 'x', fence: 'lock:token' };

/** Columns: an 80-column screen less its frame and the indentation of a reply. */
const PROSE_WIDTH = 72;

const FORMS = [
  wrapped('word a b --flag v @n2 and word(a, b) --flag v @n2 are the same command; a last @n2 asks that node.'),
  wrapped('JSON is that value, hex:00ff are bytes, any other text is itself. # starts a comment. help word says more.'),
  ...GLOBAL_FLAGS.map((flag) => `  ${showFlag(flag).padEnd(20)}  ${flag.help}`),
].join('\n');

function helpOne(name: WordName, word: Word): string {
  const rows = [
    ...word.arguments.map((one) => [one.name, one.help]),
    ...word.arguments.flatMap((one) =>
      Object.entries(one.choices ?? {}).map(([text, { help }]) => [`  ${text}`, help]),
    ),
    ...word.flags.map((flag) => [showFlag(flag), flag.help]),
  ];
  const width = Math.max(0, ...rows.map(([left = '']) => left.length));
  const parts = [
    `${usage(name)}\n${word.help}${word.aliases === undefined ? '' : ` (also: ${word.aliases.join(', ')})`}`,
    wrapped(word.text),
    rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`).join('\n'),
    `returns ${word.returns}`,
    word.examples.map((example) => `  ${example}`).join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Prose in lines that fit the narrowest screen: every paragraph begins a line, and is broken between words. */
function wrapped(text: string): string {
  return text.split('\n').map(wrappedParagraph).join('\n');
}

function wrappedParagraph(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && line.length <= PROSE_WIDTH) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.join('\n');
}

/** A word with its arguments only. */
function usageHead(name: WordName): string {
  return [name, ...wordOf(name).arguments.map(showArgument)].join(' ');
}

function showArgument(argument: Argument): string {
  const choices = Object.keys(argument.choices ?? {});
  const name = choices.length > 0 ? choices.join('|') : (argument.shown ?? argument.name);
  const shown = argument.default === undefined ? name : `${name}=${argument.default}`;
  return argument.optional === true ? `[${shown}]` : shown;
}

function showFlag(flag: Flag): string {
  if (flag.kind === 'switch') return `--${flag.name}`;
  return `--${flag.name} ${STANDS_FOR[flag.kind] ?? flag.kind}`;
}
