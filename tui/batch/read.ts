/** A batch from its file: YAML, JSON, or plain text with one command a line. Every mistake is told with its line and column. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import type { z } from 'zod';
import { ConcordError } from '../../protocol/errors.js';
import { nearest } from '../grammar/nearest.js';
import type { Batch } from './batch.js';
import { compile } from './compile.js';
import { BATCH_LIMITS } from './limits.js';
import { linesBatch } from './lines-batch.js';
import { patched } from './patch.js';
import { BATCH_VERSION, batchSchema } from './schema.js';
import { Mistakes, Source } from './source.js';

/** What is told besides the file. */
export interface ReadOptions {
  /** Values of variables in place of the file's. */
  readonly set: ReadonlyMap<string, unknown>;
}

const STRUCTURED = ['.yaml', '.yml', '.json'];

/** Reads a batch. @throws ConcordError BAD_CONFIG with all mistakes in its details, USAGE when there is no such file */
export function readBatch(file: string, options: ReadOptions): Batch {
  return parseBatch(readText(file), file, options);
}

/** As `readBatch`, of a text that was read already. */
export function parseBatch(text: string, file: string, { set }: ReadOptions): Batch {
  const mistakes = new Mistakes(file);
  const isStructured = STRUCTURED.includes(extname(file).toLowerCase());
  const batch = isStructured ? structured(text, file, set, mistakes) : linesBatch(text, file, mistakes);
  const [given] = set.keys();
  if (!isStructured && given !== undefined)
    throw new ConcordError('USAGE', `--set ${given}: a file of plain commands has no variables`);
  if (batch === null || !mistakes.none) throw mistakes.error();
  return batch;
}

function readText(file: string): string {
  const buffer = Buffer.alloc(BATCH_LIMITS.file_bytes_max + 1);
  let length = 0;
  try {
    const descriptor = openSync(file, 'r');
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        read = readSync(descriptor, buffer, length, buffer.length - length, null);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new ConcordError('USAGE', `${file} cannot be read: ${(error as Error).message}`);
  }
  if (length === buffer.length)
    throw new ConcordError('BAD_CONFIG', `${file} has more than ${BATCH_LIMITS.file_bytes_max} bytes`);
  return buffer.toString('utf8', 0, length).replace(/^\uFEFF/, '');
}

function structured(text: string, file: string, set: ReadonlyMap<string, unknown>, mistakes: Mistakes): Batch | null {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source = new Source(text, document, lines);
  for (const error of document.errors) mistakes.add(source.at(error.pos[0]), `${error.message}${adviceOn(error)}`);
  if (!mistakes.none) return null;
  visit(document, {
    Scalar: (_, { value, range }) => {
      if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
        mistakes.add(source.at(range?.[0] ?? 0), 'integers beyond 2^53-1 would be rounded: put it in quotes');
    },
  });

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    mistakes.add(source.at(0), (error as Error).message);
    return null;
  }
  // A file of another version is told so before the rest is judged by rules that are not its own.
  const version = value instanceof Object && 'version' in value ? value.version : undefined;
  if (version !== undefined && version !== BATCH_VERSION) {
    const advice = `this Concord reads version ${BATCH_VERSION}: run the Concord it was written for, or write it anew`;
    mistakes.add(source.of(['version']), `version ${JSON.stringify(version)} is not known; ${advice}`);
    return null;
  }
  const name = basename(file, extname(file));
  const result = batchSchema.safeParse(value);
  if (result.success) return compile(result.data, { file, name, source, set, mistakes, lacksSteps: false });
  for (const issue of result.error.issues) addIssue(issue, source, mistakes);
  const rest = patched(value, result.error.issues);
  return rest && compile(rest.raw, { file, name, source, set, mistakes, lacksSteps: rest.steps });
}

function adviceOn({ code }: YAMLError): string {
  if (code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY')
    return '; a command with ": " in it needs quotes';
  if (code === 'MISSING_CHAR' || code === 'UNEXPECTED_TOKEN') return '; between [ ] and { } a command needs quotes';
  return '';
}

function addIssue(issue: z.core.$ZodIssue, source: Source, mistakes: Mistakes): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      const path = [...issue.path, key];
      mistakes.add(source.ofKey(path), `${key} means nothing here${meant(key, path)}`);
    }
    return;
  }
  const name = issue.path.findLast((step) => typeof step === 'string');
  if (issue.code === 'invalid_key') {
    mistakes.add(source.ofKey(issue.path), issue.issues[0]?.message ?? issue.message);
  } else if (issue.path.length === 0) {
    mistakes.add(source.at(0), 'expected a batch: version: 1, and steps or clients');
  } else if (issue.code === 'invalid_value' && issue.path.length === 1 && name === 'version') {
    mistakes.add(source.at(0), 'the version is missing: version: 1');
  } else if (issue.code === 'invalid_type' && issue.input === undefined && !source.has(issue.path)) {
    mistakes.add(source.of(issue.path), `${String(name)} is missing`);
  } else {
    mistakes.add(source.of(issue.path), issue.message);
  }
}

/** What was perhaps meant by a key that is not known. */
function meant(key: string, path: readonly PropertyKey[]): string {
  if (path.slice(0, -1).includes('expect')) {
    const suggestion = nearest(key, CONDITION_KEYS);
    return suggestion === undefined ? '; to expect an object, write equals: { ... }' : `; did you mean ${suggestion}?`;
  }
  if (key === 'timeout') return ': write --timeout 5s behind the command';
  if (STEP_KEYS.includes(key)) return ': it belongs elsewhere';
  const suggestion = nearest(key, STEP_KEYS);
  return suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
}

const CONDITION_KEYS = ['error', 'empty', 'field', 'equals', 'not', 'match', 'in', 'above', 'below', 'all'];
const STEP_KEYS = [
  ...[
    'version',
    'name',
    'description',
    'connect',
    'temp',
    'vars',
    'clients',
    'steps',
    'finally',
    'count',
    'ttl',
    'nodes',
  ],
  ...['run', 'do', 'barrier', 'sleep', 'vanish', 'expect', 'capture', 'within', 'as', 'repeat', 'pace'],
];
