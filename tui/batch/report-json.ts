/** What a batch tells programs: one object a step, its keys always there, and a last one with the totals. */
import { toJson } from '../grammar/write.js';
import type { Reply } from '../session/reply.js';
import type { Batch } from './batch.js';
import type { Ended, Totals } from './ended.js';

/** A step: its last reply with `ok` as its expectation has it, and where it stands. */
export function stepJson(ended: Ended, { file }: Batch): string {
  const { reply, outcome, step, client, expected, why, runs, tries } = ended;
  const { line, column } = step.place;
  const place = `${file}:${line}:${column}`;
  const facts = { step: step.number, client, place, outcome, expected, why, runs, tries };
  return JSON.stringify({ ...keys(reply, outcome === 'held'), ...facts });
}

/** The last object: the batch itself as a command, with its totals, or null when nothing was run. */
export function endJson(reply: Reply, totals: Totals | null): string {
  const result = totals ?? reply.result;
  const facts = {
    step: null,
    client: null,
    place: null,
    outcome: null,
    expected: null,
    why: null,
    runs: null,
    tries: null,
  };
  return JSON.stringify({ ...keys({ ...reply, result }, reply.ok && (totals?.code ?? 0) === 0), ...facts, end: true });
}

function keys(reply: Reply, ok: boolean): object {
  const { command, result, error, node, group, term, index, ms, found } = reply;
  const all = { command, ok, result: toJson(result), error: toJson(error), node, group, term, index, ms };
  return found === undefined ? all : { ...all, found };
}
