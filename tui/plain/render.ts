/** Replies as text: one renderer for each shape of result, and one object a line for programs. */
import type { WordName } from '../grammar/words.js';
import { escapeHidden, toJson, write } from '../grammar/write.js';
import { type MetricOfNode, metricTable } from '../session/metric-table.js';
import type { Reply } from '../session/reply.js';
import { chainLines, type Edge } from '../session/wait-chains.js';
import { type Row, record, table } from './table.js';

/** The reply as one JSON object on one line, its keys in a fixed order, bytes as {"$bytes": base64}. */
export function renderJson(reply: Reply): string {
  const { command, ok, result, error, node, group, term, index, ms, found } = reply;
  const all = { command, ok, result: toJson(result), error: toJson(error), node, group, term, index, ms };
  return JSON.stringify(found === undefined ? all : { ...all, found });
}

/** The reply to the word `word` (null when the line named none) as text for people: one line or a table, '' for nothing. */
export function renderText(reply: Reply, word: WordName | null): string {
  const { error, result } = reply;
  if (error !== null) return escapeHidden(`error ${error.code}: ${error.message.replace(/\.$/, '')}. ${error.hint}`);
  if (reply.found === false) return '(empty)';
  return word === null ? write(result) : RENDERERS[word](result);
}

/** Who answered, for which group, where in its log, and how fast: what vouches for a reply. '' when there is nothing to say. */
export function renderProof({ node, group, term, index, ms }: Reply): string {
  const parts = [
    node,
    group,
    term === null ? null : `term ${term}`,
    index === null ? null : `index ${index}`,
    ms === null ? null : `${ms.toFixed(1)} ms`,
  ];
  return parts.filter((part) => part !== null).join('  ');
}

type Renderer = (result: unknown) => string;

const value: Renderer = write;
const one: Renderer = (result) => (Array.isArray(result) ? many(result) : record(result as Row));
const many: Renderer = (result) =>
  (result as readonly Row[]).length === 0 ? '(none)' : table(result as readonly Row[]);
const nothing: Renderer = () => '';
const page: Renderer = (result) => (result as { readonly text: string }).text;

const health: Renderer = (result) => {
  const { healthy, problems } = result as { readonly healthy: boolean; readonly problems: readonly string[] };
  return healthy ? 'healthy' : ['not healthy', ...problems.map(escapeHidden)].join('\n  ');
};

const status: Renderer = (result) => {
  const { cluster, quorum, groups, nodes, warnings } = result as {
    readonly cluster: string;
    readonly quorum: { readonly up: number; readonly needed: number; readonly of: number };
    readonly groups: readonly Row[];
    readonly nodes: readonly Row[];
    readonly warnings: readonly string[];
  };
  const head = `cluster ${escapeHidden(cluster)}  up ${quorum.up} of ${quorum.of}, ${quorum.needed} needed`;
  return [head, table(nodes), table(groups), ...warnings.map((warning) => `! ${escapeHidden(warning)}`)]
    .filter((part) => part !== '')
    .join('\n');
};

const metrics: Renderer = (result) => many(metricTable(result as readonly MetricOfNode[]));

const lock: Renderer = (result) => {
  const { holders, queue, ...rest } = result as Row & {
    readonly holders: readonly Row[];
    readonly queue: readonly Row[];
  };
  const named = (name: string, rows: readonly Row[]) => (rows.length === 0 ? [] : [name, table(rows)]);
  return [record(rest), ...named('holders', holders), ...named('queue', queue)].join('\n');
};

const waits: Renderer = (result) => chainLines((result as { readonly edges: readonly Edge[] }).edges).join('\n');

const faults: Renderer = (result) => {
  const rows = (result as { readonly faults: readonly Row[] }).faults;
  return rows.length === 0 ? 'no faults' : table(rows);
};

/** How the result of each word is shown. */
const RENDERERS: { readonly [W in WordName]: Renderer } = {
  enqueue: one,
  dequeue: value,
  size: value,
  acquire: one,
  try: one,
  release: one,
  convert: one,
  holds: many,
  locks: many,
  lock,
  waits,
  revoke: one,
  fence: one,
  sem: one,
  status,
  health,
  nodes: many,
  node: one,
  groups: many,
  log: many,
  metrics,
  transfer: one,
  sessions: many,
  session: one,
  start: one,
  stop: one,
  kill: one,
  restart: one,
  pause: one,
  resume: one,
  partition: faults,
  slow: faults,
  lose: faults,
  fill: faults,
  heal: faults,
  faults,
  use: one,
  focus: one,
  help: page,
  exit: nothing,
};
