/** Model of a set: add, remove, contains, members. */
import type { Model } from './model.js';

export type SetInput =
  | { readonly op: 'add' | 'remove' | 'contains'; readonly member: string }
  | { readonly op: 'members' };

/** Whether `add` and `remove` changed anything, whether it contains the member; the members in any order. */
export type SetOutput = boolean | readonly string[];

/** Bit i: it contains the member that was mentioned as the i-th. */
export type SetState = bigint;

/** A model of a set that begins empty. It numbers the members as it meets them: make one for each check. */
export function set(): Model<SetState, SetInput, SetOutput> {
  const members = new Members();
  return {
    name: 'set',
    init: 0n,
    step: (state, input, output) => step(members, state, input, output),
    key: (state) => state.toString(36),
    reads: ({ op }, output) => op === 'contains' || op === 'members' || output === false,
    alike: (input) => (input.op === 'members' ? input.op : `${input.op} ${input.member}`),
    part: (input) => (input.op === 'members' ? undefined : input.member),
    describe,
    show: (state) => `the set is {${members.of(state).join(', ')}}`,
  };
}

function step(members: Members, state: SetState, input: SetInput, output: SetOutput | undefined): SetState | undefined {
  if (input.op === 'members') return output === undefined || members.all(output) === state ? state : undefined;
  const bit = members.bit(input.member);
  const contained = (state & bit) !== 0n;
  const answer = input.op === 'add' ? !contained : contained;
  if (output !== undefined && output !== answer) return undefined;
  if (input.op === 'contains' || !answer) return state;
  return state ^ bit;
}

/** The bits of the members, given in the order in which they are met. */
class Members {
  readonly #bits = new Map<string, bigint>();
  /** Answers of `members` that were summed up before. */
  readonly #sums = new WeakMap<readonly string[], bigint>();

  bit(member: string): bigint {
    let bit = this.#bits.get(member);
    if (bit === undefined) {
      bit = 1n << BigInt(this.#bits.size);
      this.#bits.set(member, bit);
    }
    return bit;
  }

  /** The state with these members, or -1n when one is named twice, or when it is no list. */
  all(answer: SetOutput): bigint {
    if (typeof answer === 'boolean') return -1n;
    let sum = this.#sums.get(answer);
    if (sum === undefined) {
      const unique = new Set(answer);
      sum = unique.size < answer.length ? -1n : [...unique].reduce((bits, member) => bits | this.bit(member), 0n);
      this.#sums.set(answer, sum);
    }
    return sum;
  }

  of(state: SetState): string[] {
    return [...this.#bits].filter(([, bit]) => (state & bit) !== 0n).map(([member]) => member);
  }
}

function describe(input: SetInput, output: SetOutput | undefined): string {
  const asked = input.op === 'members' ? input.op : `${input.op} ${input.member}`;
  return `${asked} -> ${output === undefined ? '?' : typeof output === 'boolean' ? output : `{${output.join(', ')}}`}`;
}
