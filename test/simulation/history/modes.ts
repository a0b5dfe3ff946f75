/**
 * Model of a lock in modes s, u and x: s goes with s and u, everything else excludes each other. Its token is a new one, greater than all
 * before, whenever it enters or leaves mode x; whoever joins others is told theirs. Who shares it with nobody that the history knows of
 * may be told the token of those who shared it before: somebody of whom nothing was heard may have had it all the while.
 */
import { describeHold, type HoldInput, type HoldMode, type HoldOutput, isIdle, seen, tokensOf } from './holds.js';
import type { Model } from './model.js';

interface Holder {
  readonly owner: string;
  readonly mode: HoldMode;
  readonly count: number;
}

interface ModesState {
  /** How many of the tokens that answers tell have been told. */
  readonly named: number;
  /** By owner. */
  readonly holders: readonly Holder[];
  /** The last token, or the smallest that it can have been. */
  readonly token: number;
  /** The last token is known: an answer told it. */
  readonly told: boolean;
  /** It was that of mode x. */
  readonly wasX: boolean;
}

type ModesModel = Model<ModesState, HoldInput, HoldOutput>;

const STRENGTH = { s: 1, u: 2, x: 3 } satisfies Record<HoldMode, number>;

/** True when two owners can have a lock at once in these modes. */
export function goTogether(a: HoldMode, b: HoldMode): boolean {
  return STRENGTH[a] + STRENGTH[b] <= STRENGTH.s + STRENGTH.u;
}

/** The model of a lock that nobody has. */
export const modes: ModesModel = modesModel(null);

/** `tokens`: those that answers tell, ascending. */
function modesModel(tokens: readonly number[] | null): ModesModel {
  return {
    name: 'lock in modes',
    init: { named: 0, holders: [], token: 0, told: true, wasX: true },
    step: (state, input, output) => {
      const tells = output !== undefined && (input.op === 'acquire' || input.op === 'convert');
      if (tells && tokens !== null && tokens[state.named] !== output) return undefined;
      const after = step(state, input, output);
      return tells && after !== undefined ? { ...after, named: state.named + 1 } : after;
    },
    key: ({ holders, token, told, wasX }) =>
      `${holders.map(({ owner, mode, count }) => `${owner} ${mode}${count}`).join()} ${token} ${told} ${wasX}`,
    reads: isIdle,
    alike: (input) => `${input.op} ${input.owner} ${'mode' in input ? input.mode : ''}`,
    describe: describeHold,
    show,
    settle: (operations) => {
      const model = modesModel(tokensOf(operations));
      return { model, operations: seen(operations), contradictions: [] };
    },
  };
}

function step(state: ModesState, input: HoldInput, output: HoldOutput | undefined): ModesState | undefined {
  const { op, owner } = input;
  const own = state.holders.find((holder) => holder.owner === owner);
  const others = state.holders.filter((holder) => holder !== own);
  switch (op) {
    case 'acquire': {
      const mode = own === undefined || STRENGTH[input.mode] > STRENGTH[own.mode] ? input.mode : own.mode;
      return held(state, others, own, { owner, mode, count: (own?.count ?? 0) + 1 }, output);
    }
    case 'convert':
      if (own === undefined) return output === undefined ? state : undefined;
      return held(state, others, own, { ...own, mode: input.mode }, output);
    case 'release':
      if (own === undefined) return output === true ? undefined : state;
      if (output === false) return undefined;
      return { ...state, holders: own.count === 1 ? others : sorted([...others, { ...own, count: own.count - 1 }]) };
    case 'end':
      return own === undefined ? state : { ...state, holders: others };
  }
}

function held(
  state: ModesState,
  others: readonly Holder[],
  before: Holder | undefined,
  after: Holder,
  output: HoldOutput | undefined,
): ModesState | undefined {
  if (others.some(({ mode }) => !goTogether(mode, after.mode))) return output === undefined ? state : undefined;
  const holders = sorted([...others, after]);
  const { token, told } = state;
  const isX = after.mode === 'x';
  const isNew = isX ? before?.mode !== 'x' : before?.mode === 'x' || (others.length === 0 && state.wasX);
  const { named } = state;
  if (output === undefined)
    return { named, holders, token: isNew ? token + 1 : token, told: told && !isNew, wasX: isX };
  const isFirst = others.length === 0 && before === undefined;
  const fits = isNew ? Number(output) > token : told && !isFirst ? output === token : Number(output) >= token;
  return fits ? { named, holders, token: Number(output), told: true, wasX: isX } : undefined;
}

function sorted(holders: readonly Holder[]): Holder[] {
  return [...holders].sort((a, b) => (a.owner < b.owner ? -1 : 1));
}

function show({ holders, token, told }: ModesState): string {
  const who = holders.map(({ owner, mode, count }) => `${owner} has it in ${mode} ${count} times`);
  return `${who.length === 0 ? 'nobody has it' : who.join(', ')}; the last token is ${token}${told ? '' : ' or greater'}`;
}
