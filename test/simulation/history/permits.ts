/** Model of a semaphore: owners take permits and give them back, and no more are out than there are. */
import { isOk, type Operation } from './history.js';
import type { Model } from './model.js';

export type PermitsInput =
  | { readonly op: 'acquire' | 'release'; readonly owner: string; readonly permits: number }
  /** All that the owner has goes back: its session ends. Nobody is told when. */
  | { readonly op: 'end'; readonly owner: string };

/** Of a release, whether the owner had as many. */
export type PermitsOutput = boolean;

/** Owners and what they have, by owner. */
type PermitsState = readonly (readonly [owner: string, permits: number])[];

type PermitsModel = Model<PermitsState, PermitsInput, PermitsOutput>;

/** The model of a semaphore with that many permits, all of them free. */
export function acquiredPermits(limit: number): PermitsModel {
  const model: PermitsModel = {
    name: 'semaphore',
    init: [],
    step: (state, input, output) => step(limit, state, input, output),
    key: (state) => state.join(' '),
    reads: ({ op }, output) => op === 'release' && output === false,
    alike: (input) => `${input.op} ${input.owner} ${'permits' in input ? input.permits : ''}`,
    describe: (input, output) => {
      const asked = `${input.op} ${'permits' in input ? input.permits : 'all'} by ${input.owner}`;
      return `${asked} -> ${output === undefined ? '?' : output}`;
    },
    show: (state) =>
      `of ${limit} permits ${state.map(([owner, had]) => `${had} are with ${owner}`).join(', ') || 'all are free'}`,
    settle: (operations) => ({ model, operations: seen(operations), contradictions: [] }),
  };
  return model;
}

function step(
  limit: number,
  state: PermitsState,
  input: PermitsInput,
  output: PermitsOutput | undefined,
): PermitsState | undefined {
  const { owner } = input;
  const others = state.filter(([other]) => other !== owner);
  const had = state.find(([other]) => other === owner)?.[1] ?? 0;
  switch (input.op) {
    case 'acquire': {
      const out = others.reduce((sum, [, permits]) => sum + permits, had);
      if (out + input.permits > limit) return output === undefined ? state : undefined;
      return withOwner(others, owner, had + input.permits);
    }
    case 'release':
      if (had < input.permits) return output === true ? undefined : state;
      return output === false ? undefined : withOwner(others, owner, had - input.permits);
    case 'end':
      return had === 0 ? state : others;
  }
}

function withOwner(others: PermitsState, owner: string, permits: number): PermitsState {
  if (permits === 0) return others;
  const all: PermitsState = [...others, [owner, permits]];
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

// Owners of whom no answer tells anything need not have had any permits: those of others fit all the better.
function seen(
  operations: readonly Operation<PermitsInput, PermitsOutput>[],
): readonly Operation<PermitsInput, PermitsOutput>[] {
  const owners = new Set(operations.filter(isOk).map(({ input }) => input.owner));
  return operations.filter(({ input }) => owners.has(input.owner));
}
