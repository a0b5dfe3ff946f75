/** Reads the configuration of a local cluster: YAML in; a typed ClusterConfig, or a mistake with its line and field, out. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { ConcordError } from '../../protocol/errors.js';

/** Version of the format that is read here. */
export const CONFIG_VERSION = 1;

/** A larger file is no configuration. */
const CONFIG_LENGTH_MAX = 65_536;

/** Nodes that one keeper runs. */
const NODES_MAX = 9;

/** A node by name and "host:port". */
export interface NodeAddress {
  readonly id: string;
  readonly address: string;
}

/** A local cluster as its file describes it. */
export interface ClusterConfig {
  readonly cluster: string;
  /** Absolute path of the folder of all data. */
  readonly data: string;
  /** In the order of the file. */
  readonly nodes: readonly NodeAddress[];
  /** Time a node has to stop by itself before it is killed, ms, 100 to 20,000: whoever waits for the keeper allows 30 s. */
  readonly stop_grace_ms: number;
  readonly budgets: NodeBudgets;
}

/** What every node may keep, bytes; null: as a node has it when it is told nothing. */
export interface NodeBudgets {
  /** Messages and what is not in the base yet, in memory. */
  readonly memory_budget: number | null;
  /** Log on disk. */
  readonly log_budget: number | null;
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
const NAME_RULE = 'expected a name: 1 to 32 letters, digits, - and _, the first a letter';
const MEMORY_RULE = 'expected bytes, 1048576 (1 MiB) to 68719476736 (64 GiB)';
const LOG_RULE = 'expected bytes, 67108864 (64 MiB) to 1099511627776 (1 TiB)';
const ADDRESS_RULE = 'expected a loopback address with a port, such as 127.0.0.1:7101 or [::1]:7101';

const name = z.string({ error: NAME_RULE }).regex(NAME, { error: NAME_RULE });
const address = z.string({ error: ADDRESS_RULE }).refine(isLoopback, { error: ADDRESS_RULE });

const schema = z.strictObject({
  version: z.literal(CONFIG_VERSION),
  cluster: name,
  data: z.string({ error: 'expected the path of a folder' }).min(1, { error: 'expected the path of a folder' }),
  nodes: z
    .record(name, address, { error: 'expected a line "name: address" for each node' })
    .superRefine((nodes, context) => {
      const count = Object.keys(nodes).length;
      if (count < 1 || count > NODES_MAX) {
        context.addIssue({ code: 'custom', path: [], message: `expected 1 to ${NODES_MAX} nodes, found ${count}` });
      }
      const owners = new Map<string, string>();
      for (const [id, at] of Object.entries(nodes)) {
        const owner = owners.get(at);
        if (owner !== undefined) {
          context.addIssue({ code: 'custom', path: [id], message: `${at} is the address of ${owner} already` });
        }
        owners.set(at, id);
      }
    }),
  stop_grace_ms: z
    .int({ error: 'expected milliseconds, 100 to 20000' })
    .min(100, { error: 'expected milliseconds, 100 to 20000' })
    .max(20_000, { error: 'expected milliseconds, 100 to 20000' })
    .default(5000),
  memory_budget: bytes(1 << 20, 2 ** 36, MEMORY_RULE),
  log_budget: bytes(64 << 20, 2 ** 40, LOG_RULE),
});

function bytes(min: number, max: number, error: string) {
  return z.int({ error }).min(min, { error }).max(max, { error }).nullable().default(null);
}

/** Reads a configuration file. @throws ConcordError BAD_CONFIG with file, line, column and field in its details */
export function readConfig(file: string): ClusterConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConcordError('BAD_CONFIG', `${file} cannot be read: ${error instanceof Error ? error.message : error}`, {
      details: { file },
    });
  }
  return parseConfig(text, file);
}

/** As `readConfig`, of a text that was read already; a relative data folder counts from `file`. */
export function parseConfig(text: string, file: string): ClusterConfig {
  if (text.length > CONFIG_LENGTH_MAX) {
    throw new ConcordError('BAD_CONFIG', `${file} is larger than ${CONFIG_LENGTH_MAX} characters`, {
      details: { file },
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined) throw mistake(file, lines, broken.pos[0], '', broken.message);

  const value = plainValue(document, file, lines);
  refuseOtherVersion(value, document, file, lines);
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    if (issue === undefined) throw new Error('a refusal without an issue');
    throw ofIssue(issue, document, file, lines);
  }
  const { cluster, data, nodes, stop_grace_ms, memory_budget, log_budget } = result.data;
  return {
    cluster,
    data: resolve(dirname(file), data),
    nodes: Object.entries(nodes).map(([id, at]) => ({ id, address: at })),
    stop_grace_ms,
    budgets: { memory_budget, log_budget },
  };
}

function plainValue(document: Document, file: string, lines: LineCounter): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw mistake(file, lines, 0, '', error instanceof Error ? error.message : String(error));
  }
}

/** A file of another version is told so before its other fields are judged by rules that are not its own. */
function refuseOtherVersion(value: unknown, document: Document, file: string, lines: LineCounter): void {
  const version = value instanceof Object && 'version' in value ? value.version : undefined;
  if (version === CONFIG_VERSION || version === undefined) return;
  const advice = `this Concord reads version ${CONFIG_VERSION}: run the Concord that the file was written for, or write the file anew`;
  throw mistake(
    file,
    lines,
    placeOf(document, ['version']),
    'version',
    `${JSON.stringify(version)} is not known; ${advice}`,
  );
}

function ofIssue(issue: z.core.$ZodIssue, document: Document, file: string, lines: LineCounter): ConcordError {
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0] ?? ''];
    return mistake(file, lines, placeOf(document, path), path.join('.'), 'is no option of this file');
  }
  const field = issue.path.join('.');
  const at = placeOf(document, issue.path);
  if (issue.path.length === 0) return mistake(file, lines, at, '', 'expected options such as "version: 1"');
  if (!document.hasIn(issue.path)) return mistake(file, lines, at, field, 'is missing');
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  return mistake(file, lines, at, field, inner?.message ?? issue.message);
}

/** Offset of what a path leads to, or of the innermost part of the path that exists. */
function placeOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
    if (pair === undefined) break;
    if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

function mistake(file: string, lines: LineCounter, offset: number, field: string, what: string): ConcordError {
  const { line, col: column } = lines.linePos(offset);
  const subject = field === '' ? '' : `${field}: `;
  return new ConcordError('BAD_CONFIG', `${file}, line ${line}, column ${column}: ${subject}${what}`, {
    details: { file, line, column, field },
  });
}

function isLoopback(text: string): boolean {
  const parts = /^(?:127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})|\[::1\]):(\d{1,5})$/.exec(text);
  if (parts === null) return false;
  const [a, b, c, port] = parts.slice(1).map((part) => Number(part ?? 0));
  return (
    [a, b, c].every((byte) => byte !== undefined && byte <= 255) && port !== undefined && port >= 1 && port <= 65_535
  );
}
