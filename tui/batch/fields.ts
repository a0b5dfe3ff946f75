/** Fields of a reply by their path, as `--json` shows them: `result.id`, `result.s0.leader`, `error.details.leader`, `ms`. */
import { nearest } from '../grammar/nearest.js';
import { toJson } from '../grammar/write.js';
import type { Reply } from '../session/reply.js';

/** Where every path begins. */
const ROOTS = ['command', 'ok', 'result', 'error', 'node', 'group', 'term', 'index', 'ms', 'found'];

/** What is wrong with a path, or null. */
export function fieldProblem(path: string): string | null {
  const [root = '', ...rest] = path.split('.');
  if (ROOTS.includes(root) && rest.every((step) => step !== '')) return null;
  const meant = nearest(root, ROOTS) ?? (path === '' ? 'result' : `result.${path}`);
  return `a field is one of the reply, such as result.id, node or error.code; did you mean ${meant}?`;
}

/**
 * What stands at `path`, undefined when nothing does. In a list a step is an index, `length`, or the row whose first column is that:
 * `result.s0.leader` of `groups`, `result.n1.state` of `nodes`.
 */
export function fieldOf(reply: Reply, path: string): unknown {
  let value: unknown = plain(reply);
  for (const step of path.split('.')) value = inside(value, step);
  return value;
}

/** The result of a reply as its JSON form has it. */
export function resultOf(reply: Reply): unknown {
  return toJson(reply.result);
}

function plain(reply: Reply): unknown {
  return toJson(reply);
}

function inside(value: unknown, step: string): unknown {
  if (Array.isArray(value)) {
    if (step === 'length') return value.length;
    if (/^\d+$/.test(step)) return value[Number(step)];
    return value.find((row) => row instanceof Object && String(Object.values(row)[0]) === step);
  }
  return value instanceof Object && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
}
