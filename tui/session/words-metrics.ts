/** The word about what nodes measure: metrics. */
import { ConcordError } from '../../protocol/errors.js';
import { METRIC_PREFIX, type MetricRow } from '../../protocol/metrics.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call } from './call.js';
import type { MetricOfNode } from './metric-table.js';
import { askMembers, SPOKEN } from './survey.js';

/** A row for each value of each node, or of the one named. */
export async function metrics(command: CommandOf<'metrics'>, call: Call): Promise<Answer> {
  const argument = { pattern: command.arguments.pattern ?? '' };
  if (call.namedNode !== undefined) {
    const cluster = await call.cluster();
    const receipt = await cluster.admin('metrics', argument, call.asking(call.namedNode));
    return answerOf(receipt, rowsOf(receipt.node, receipt.value));
  }
  const asked = await askMembers(call, 'metrics', argument);
  return { result: asked.flatMap(({ id, answer }) => rowsOf(id, answer)) };
}

function rowsOf(node: string, answer: unknown): MetricOfNode[] {
  // It would be lost in silence otherwise: where nobody answers there is nothing to show.
  if (answer instanceof ConcordError && !SPOKEN.has(answer.code))
    return [{ node, name: `${METRIC_PREFIX}up`, labels: {}, value: 0 }];
  if (answer instanceof ConcordError) throw answer;
  return (answer as readonly MetricRow[]).map(([name, labels, value]) => ({ node, name, labels, value }));
}
