/** Text with `${name}` in it: read once, filled with values as often as it is run. */
import { lex } from '../grammar/lex.js';
import { readValue } from '../grammar/value.js';
import { toJson, write } from '../grammar/write.js';

/** A text in its parts. */
export interface Template {
  /** As written. */
  readonly source: string;
  readonly parts: readonly Part[];
}

/** Text as it stands, or a variable; `at` is where it begins in the source. */
type Part = { readonly at: number; readonly text: string } | { readonly at: number; readonly name: string };

/** The value of a variable; undefined when it has none. */
export type Lookup = (name: string) => unknown;

/** A variable that has no value yet: its capture was skipped. */
export class NoValue extends Error {
  readonly variable: string;

  constructor(variable: string) {
    super(`\${${variable}} has no value`);
    this.variable = variable;
  }
}

/** A command with its variables filled in. */
export interface Filled {
  readonly text: string;
  /** The position in the source that a position of `text` comes from. */
  origin(position: number): number;
}

/** How variables are named. */
export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Reads `text`; `$${` stands for `${` itself. @throws BadTemplate */
export function template(text: string): Template {
  const parts: Part[] = [];
  let start = 0;
  for (let at = text.indexOf('${'); at !== -1; at = text.indexOf('${', at + 2)) {
    if (text[at - 1] === '$' && at > start) {
      parts.push({ at: start, text: text.slice(start, at) });
      start = at + 1;
      continue;
    }
    const end = text.indexOf('}', at);
    const name = text.slice(at + 2, end === -1 ? undefined : end);
    if (end === -1 || !NAME.test(name)) throw new BadTemplate(at);
    if (at > start) parts.push({ at: start, text: text.slice(start, at) });
    parts.push({ at, name });
    start = end + 1;
  }
  if (start < text.length) parts.push({ at: start, text: text.slice(start) });
  return { source: text, parts };
}

/** `${` that begins no variable. */
export class BadTemplate extends Error {
  readonly position: number;

  constructor(position: number) {
    super(`a variable looks like \${name}; $\${ stands for \${ itself`);
    this.position = position;
  }
}

/** Text in which nothing is a variable. */
export function literally(text: string): Template {
  return { source: text, parts: [{ at: 0, text }] };
}

/** The names of the variables in it, with where they stand. */
export function variablesOf({ parts }: Template): { readonly name: string; readonly at: number }[] {
  return parts.flatMap((part) => ('name' in part ? [part] : []));
}

/**
 * The command line with its variables filled in so that each is one value again where it stands alone, inside quotes or inside brackets.
 * @throws NoValue
 */
export function fillCommand({ parts }: Template, lookup: Lookup): Filled {
  const marks: { readonly to: number; readonly from: number; readonly fixed: boolean }[] = [];
  const scan = new Scan();
  let text = '';
  parts.forEach((part, i) => {
    marks.push({ to: text.length, from: part.at, fixed: 'name' in part });
    if ('text' in part) {
      text += part.text;
      scan.pass(part.text);
      return;
    }
    const after = parts[i + 1];
    const next = after === undefined ? '' : 'text' in after ? (after.text[0] ?? '') : '$';
    text += shown(valueIn(part.name, lookup), scan, isEdge(text.at(-1)) && isEdge(next));
  });
  return {
    text,
    origin: (position) => {
      const mark = marks.findLast(({ to }) => to <= position) ?? { to: 0, from: 0, fixed: false };
      return mark.fixed ? mark.from : mark.from + position - mark.to;
    },
  };
}

/** A text that is nothing but one variable is its value; in any other each variable is text, passed through `escaped`. @throws NoValue */
export function fillText(text: Template, lookup: Lookup, escaped: (text: string) => string = (same) => same): unknown {
  const [first, ...more] = text.parts;
  if (first !== undefined && 'name' in first && more.length === 0) return valueIn(first.name, lookup);
  return text.parts.map((part) => ('text' in part ? part.text : escaped(asText(valueIn(part.name, lookup))))).join('');
}

/** The value that `text` is when it is typed at the prompt: JSON, `hex:00ff`, or the text itself. @throws ConcordError */
export function typedValue(text: string): unknown {
  const { inside, problem } = lex(`- ${text}`);
  const [token] = inside;
  if (problem !== null || inside.length !== 1 || token?.text !== text) return text;
  return readValue(token, { name: 'value', kind: 'value', help: '' });
}

function valueIn(name: string, lookup: Lookup): unknown {
  const value = lookup(name);
  if (value === undefined) throw new NoValue(name);
  return value;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : write(value);
}

/** Where in a command line one stands: inside a quoted text, or inside brackets. */
class Scan {
  quoted = false;
  depth = 0;
  #escaped = false;

  pass(text: string): void {
    for (const character of text) {
      if (this.#escaped) this.#escaped = false;
      else if (this.quoted && character === '\\') this.#escaped = true;
      else if (character === '"') this.quoted = !this.quoted;
      else if (!this.quoted && /[{[]/.test(character)) this.depth++;
      else if (!this.quoted && /[}\]]/.test(character)) this.depth--;
    }
  }
}

/** True where a token may begin or end. */
function isEdge(character: string | undefined): boolean {
  return character === undefined || character === '' || /[\s(),[\]{}:]/.test(character);
}

function shown(value: unknown, { quoted, depth }: Scan, alone: boolean): string {
  if (quoted) return JSON.stringify(asText(value)).slice(1, -1);
  if (depth > 0 && alone) return JSON.stringify(toJson(value));
  return typeof value === 'string' && (!alone || isBare(value)) ? value : write(value);
}

/** True when `text` typed as it is, in either form of a command, is this text again. */
function isBare(text: string): boolean {
  if (!/^[^\s,()[\]{}"#@-][^\s,()]*$/.test(text)) return false;
  try {
    return typedValue(text) === text;
  } catch {
    // Digits that are no number a value can be.
    return false;
  }
}
