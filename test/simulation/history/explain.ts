/** Tells a person where the search for an order got stuck. */
import { isOk, type Operation } from './history.js';
import type { Model } from './model.js';

/** Lines shown of what could be put in order, and of what could not come next. */
const ORDERED_MAX = 6;
const STUCK_MAX = 12;

/** The end of the longest order, the state after it, and everything that could have come next and does not fit. */
export function explainStuck<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  order: readonly Operation<Input, Output>[],
  state: State,
): string[] {
  const ordered = new Set(order);
  const left = operations.filter((operation) => !ordered.has(operation));
  const next = left.reduce((first, { returned }) => Math.min(first, returned), Number.POSITIVE_INFINITY);
  const stuck = left.filter(
    ({ called, ending, input }) => called < next && (ending === 'ok' || !model.reads(input, undefined)),
  );
  stuck.sort((a, b) => a.returned - b.returned || a.called - b.called);
  const tell = (operation: Operation<Input, Output>) => `  ${describe(model, operation)}`;
  const last = order.slice(-ORDERED_MAX);
  const answered = operations.filter(isOk).length;
  const done = order.filter(isOk).length;
  return [
    `${done} of ${answered} answers could be put in order${last.length < order.length ? `, the last ${last.length} of them` : ''}:`,
    ...last.map(tell),
    `then ${model.show(state)}; none of these leads on:`,
    ...stuck.slice(0, STUCK_MAX).map(tell),
    ...(stuck.length > STUCK_MAX ? [`  and ${stuck.length - STUCK_MAX} more`] : []),
  ];
}

function describe<State, Input, Output>(
  model: Model<State, Input, Output>,
  operation: Operation<Input, Output>,
): string {
  const { client, input, call } = operation;
  const output = operation.ending === 'ok' ? operation.output : undefined;
  const until = operation.ending === 'ok' ? `${operation.deduced ? '<' : ''}${operation.return}` : '?';
  const note = operation.ending === 'ok' && operation.deduced ? ' (deduced)' : '';
  return `[${call} .. ${until} ms] ${client}: ${model.describe(input, output)}${note}`;
}
