/** The text of a batch: where in it things stand, and the mistakes found in it. */
import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { ConcordError } from '../../protocol/errors.js';
import { BATCH_LIMITS } from './limits.js';

/** A place in a file, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong with a file. */
export interface Mistake extends Place {
  readonly message: string;
}

/** The way to a value: keys and indexes from the root. */
export type Path = readonly PropertyKey[];

/** Collects the mistakes of one file, each place and message once. */
export class Mistakes {
  readonly #file: string;
  readonly #all = new Map<string, Mistake>();

  constructor(file: string) {
    this.#file = file;
  }

  get none(): boolean {
    return this.#all.size === 0;
  }

  add({ line, column }: Place, message: string): void {
    this.#all.set(`${line}:${column} ${message}`, { line, column, message });
  }

  /** All of them as one error: BAD_CONFIG, with `mistakes` in its details in the order of the file. */
  error(): ConcordError {
    const all = [...this.#all.values()].sort((a, b) => a.line - b.line || a.column - b.column);
    const [first] = all;
    const place = first === undefined ? this.#file : `${this.#file}:${first.line}:${first.column}`;
    const more = all.length > 1 ? ` (and ${all.length - 1} more)` : '';
    return new ConcordError('BAD_CONFIG', `${place}: ${first?.message ?? 'a mistake'}${more}`, {
      details: { file: this.#file, count: all.length, mistakes: all.slice(0, BATCH_LIMITS.mistakes_max) },
    });
  }
}

/** Where the parts of a YAML or JSON document stand. */
export class Source {
  readonly #text: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(text: string, document: Document, lines: LineCounter) {
    this.#text = text;
    this.#document = document;
    this.#lines = lines;
  }

  /** The place of a character. */
  at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The place of the value at `path`, or of the innermost part of the path that exists. */
  of(path: Path): Place {
    return this.at(this.#find(path).offset);
  }

  /** True when something is written at `path`. */
  has(path: Path): boolean {
    return this.#find(path).node !== null;
  }

  /** The place of the key that `path` ends with; in a list, of the item. */
  ofKey(path: Path): Place {
    return this.at(this.#find(path, true).offset);
  }

  /** The place of a character of the text at `path`: of the text itself where it is not written as it reads. */
  within(path: Path, position: number): Place {
    const { node, offset } = this.#find(path);
    if (!isScalar(node) || typeof node.value !== 'string') return this.at(offset);
    const quotes = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' ? 1 : 0;
    const start = offset + quotes;
    const asItReads = this.#text.startsWith(node.value, start);
    return this.at(asItReads ? start + position : offset);
  }

  #find(path: Path, key = false): { node: Node | null; offset: number } {
    let node = this.#document.contents as Node | null;
    let offset = node?.range?.[0] ?? 0;
    for (const [i, step] of path.entries()) {
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        const wantsKey = key && i === path.length - 1;
        if (pair !== undefined && isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
        next = wantsKey ? pair?.key : pair?.value;
      } else if (isSeq(node)) {
        next = node.items[Number(step)];
      }
      if (next === undefined || next === null) return { node: null, offset };
      node = next as Node;
      offset = node.range?.[0] ?? offset;
    }
    return { node, offset };
  }
}
