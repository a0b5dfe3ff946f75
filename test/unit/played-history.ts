/** Histories that certainly are linearizable: clients call, an atomic object acts in between, clients return. */
import fc from 'fast-check';
import { type Handle, type Operation, Recorder } from '../simulation/history/history.js';
import type { Atomic } from './atomic-objects.js';

/** What becomes of a call: it acts once; and its answer comes, is lost before or after that; or it never acts. */
type Fate = 'answered' | 'lost' | 'late' | 'never' | 'refused';

/** One thing that happens in a play: a client goes one step further, or a command given up long ago acts after all. */
export interface Move<I> {
  /** Of the client, or past the last for a command that was given up. */
  readonly who: number;
  /** What it asks for if it has nothing under way. */
  readonly input: I;
  readonly fate: Fate;
  /** Milliseconds that pass before. */
  readonly ms: number;
  /** Chooses among several outcomes. */
  readonly pick: number;
}

/** Who has how many chances of what. */
export interface PlayOptions {
  readonly clients: number;
  readonly moves_min: number;
  readonly moves_max: number;
  /** Of 100 operations, how many are lost, late, never run or refused. */
  readonly trouble: number;
}

/** Random moves with these inputs. */
export function moves<I>(input: fc.Arbitrary<I>, options: PlayOptions): fc.Arbitrary<readonly Move<I>[]> {
  const { clients, moves_min, moves_max, trouble } = options;
  const fate = fc.oneof(
    { arbitrary: fc.constant<Fate>('answered'), weight: 100 - trouble },
    { arbitrary: fc.constantFrom<Fate>('lost', 'late', 'never', 'refused'), weight: trouble },
  );
  const move = fc.record({ who: fc.nat(clients), input, fate, ms: fc.nat(1), pick: fc.nat(3) });
  return fc.array(move, { minLength: moves_min, maxLength: moves_max, size: 'max' });
}

interface Call<I, O> {
  readonly handle: Handle;
  readonly input: I;
  readonly fate: Fate;
  output: O | undefined;
  acted: boolean;
}

/** Plays the moves. `inputOf` makes the input of the n-th call of what its client is to ask for, and knows the answers so far. */
export function played<S, I, J, O>(
  object: Atomic<S, J, O>,
  play: readonly Move<I>[],
  clients: number,
  inputOf: (input: I, n: number, answers: readonly O[]) => J,
): readonly Operation<J, O>[] {
  const recorder = new Recorder<J, O>();
  const busy = new Map<number, Call<J, O>>();
  const givenUp: Call<J, O>[] = [];
  const answers: O[] = [];
  let { init: state } = object;
  let now = 0;
  const act = (call: Call<J, O>, pick: number) => {
    const outcomes = object.run(state, call.input);
    const outcome = outcomes[pick % outcomes.length];
    if (outcome !== undefined) [state, call.output] = outcome;
    call.acted = true;
  };
  const end = (who: number, call: Call<J, O>) => {
    busy.delete(who);
    if (call.fate === 'refused') recorder.refused(call.handle, now);
    else if (call.fate === 'answered' && call.output !== undefined) {
      recorder.ok(call.handle, call.output, now);
      answers.push(call.output);
    } else recorder.unknown(call.handle);
    if (call.fate === 'late') givenUp.push(call);
  };
  for (const { who, input, fate, ms, pick } of play) {
    now += ms;
    const call = busy.get(who);
    if (who >= clients) {
      const late = givenUp.splice(pick % Math.max(1, givenUp.length), 1)[0];
      if (late !== undefined) act(late, pick);
    } else if (call === undefined) {
      const asked = inputOf(input, recorder.size, answers);
      const handle = recorder.call(`c${who}`, 'it', asked, now);
      busy.set(who, { handle, input: asked, fate, output: undefined, acted: false });
    } else if (!call.acted && (call.fate === 'answered' || call.fate === 'lost')) act(call, pick);
    else end(who, call);
  }
  return recorder.history();
}
