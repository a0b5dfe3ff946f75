/** What clients ask of locks that owners hold, and what is known of it before any order is looked for: the language of several models. */
import { isOk, type Operation } from './history.js';

/** s shared, u update, x exclusive. */
export type HoldMode = 's' | 'u' | 'x';

export type HoldInput =
  /** Once more where the owner has it already. */
  | { readonly op: 'acquire'; readonly owner: string; readonly mode: HoldMode }
  | { readonly op: 'convert'; readonly owner: string; readonly mode: HoldMode }
  /** One of the times that it was acquired. */
  | { readonly op: 'release'; readonly owner: string }
  /** All that the owner has is taken from it: its session ends, or the cluster takes the lock away. Nobody is told when. */
  | { readonly op: 'end'; readonly owner: string };

/** The fencing token that an acquire or a convert was told; of a release whether there was anything to be released. */
export type HoldOutput = number | boolean;

export type HoldOperation = Operation<HoldInput, HoldOutput>;

/**
 * Without the owners of whom no answer tells anything. That they held it is nowhere to be seen, and whatever was done while they did can
 * be done without them: tokens need not be next to each other. This keeps the verdict, and hundreds of unknown ends out of the search.
 */
export function seen(operations: readonly HoldOperation[]): readonly HoldOperation[] {
  const owners = new Set(operations.filter(isOk).map(({ input }) => input.owner));
  return operations.filter(({ input }) => owners.has(input.owner));
}

/**
 * The tokens that answers tell, in the order in which they must have been told, whatever the order was: tokens never fall. A model that
 * knows them need not try anything else.
 */
export function tokensOf(operations: readonly HoldOperation[]): number[] {
  return operations
    .filter(isOk)
    .flatMap(({ input: { op }, output }) => (op === 'acquire' || op === 'convert' ? [Number(output)] : []))
    .sort((a, b) => a - b);
}

/** True for an answer that changes nothing: there was nothing to be released. */
export function isIdle({ op }: HoldInput, output: HoldOutput | undefined): boolean {
  return op === 'release' && output === false;
}

export function describeHold(input: HoldInput, output: HoldOutput | undefined): string {
  const { op, owner } = input;
  const mode = op === 'acquire' || op === 'convert' ? ` ${input.mode}` : '';
  if (op === 'end') return `all that ${owner} has ends`;
  return `${op}${mode} by ${owner} -> ${output === undefined ? '?' : output}`;
}
