/** Histories drawn as tables: a line a client, a bracket an operation, and the column is the time. */
import { type Operation, Recorder } from '../simulation/history/history.js';
import type { HoldInput, HoldMode, HoldOutput } from '../simulation/history/holds.js';
import type { LockInput, LockOutput } from '../simulation/history/lock.js';
import type { PermitsInput, PermitsOutput } from '../simulation/history/permits.js';
import type { QueueInput, QueueOutput } from '../simulation/history/queue-facts.js';
import type { RegisterInput, RegisterOutput } from '../simulation/history/register.js';
import type { SetInput, SetOutput } from '../simulation/history/set.js';

/** How the words in a bracket are meant. */
interface Language<I, O> {
  input(words: readonly string[]): I;
  output(words: readonly string[], input: I): O;
}

/**
 * Reads a picture such as
 *
 *     w0     [enqueue a = 1]     [enqueue b ?]
 *     r0@q2         [dequeue = 1 a]     [size !]
 *
 * After `=` comes the answer; `?` is an operation of which nothing more was heard, `!` one that was refused. Of what
 * happens in the same column, calls come first. After the client's name may come that of the object, else it is "it".
 */
function drawn<I, O>({ input, output }: Language<I, O>, picture: string): readonly Operation<I, O>[] {
  const recorder = new Recorder<I, O>();
  const events: { at: number; call: boolean; happen: () => void }[] = [];
  for (const line of picture.split('\n')) {
    const [client = '', object = 'it'] = (line.trim().split(' ')[0] ?? '').split('@');
    for (const { 0: bracket, 1: text = '', index: at } of line.matchAll(/\[([^\]]*)\]/g)) {
      const [asked = '', sign = '', told = ''] = text.split(/([=?!])/);
      const what = input(words(asked));
      const end = at + bracket.length - 1;
      let handle = 0;
      const finish = () => {
        if (sign === '=') recorder.ok(handle, output(words(told), what), end);
        else if (sign === '!') recorder.refused(handle, end);
        else recorder.unknown(handle);
      };
      const begin = () => {
        handle = recorder.call(client, object, what, at);
      };
      events.push({ at, call: true, happen: begin }, { at: end, call: false, happen: finish });
    }
  }
  events.sort((a, b) => a.at - b.at || Number(b.call) - Number(a.call));
  for (const event of events) event.happen();
  return recorder.history();
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

/** `enqueue a = 1`, `dequeue = 1 a`, `dequeue = empty`, `size = 1`. */
export function queueHistory(picture: string): readonly Operation<QueueInput, QueueOutput>[] {
  return drawn<QueueInput, QueueOutput>(
    {
      input: ([op, body = '']) => (op === 'enqueue' ? { op, body } : { op: op === 'size' ? op : 'dequeue' }),
      output: ([first, body = ''], { op }) => {
        if (first === 'empty') return null;
        return op === 'dequeue' ? { id: Number(first), body } : Number(first);
      },
    },
    picture,
  );
}

/** `read = a`, `read = nothing`, `write a =`, `cas a b = true`. */
export function registerHistory(picture: string): readonly Operation<RegisterInput, RegisterOutput>[] {
  const value = (word = '') => (word === 'nothing' ? null : word);
  return drawn<RegisterInput, RegisterOutput>(
    {
      input: ([op, first, second = '']) => {
        if (op === 'write') return { op, value: first ?? '' };
        return op === 'cas' ? { op, expected: value(first), value: second } : { op: 'read' };
      },
      output: ([answer], { op }) => {
        if (op === 'write') return null;
        return op === 'cas' ? answer === 'true' : value(answer);
      },
    },
    picture,
  );
}

/** `acquire = 3`, `acquire = held`, `release 3 = true`, `check 3 = false`. */
export function lockHistory(picture: string): readonly Operation<LockInput, LockOutput>[] {
  return drawn<LockInput, LockOutput>(
    {
      input: ([op, token]) => (op === 'release' || op === 'check' ? { op, token: Number(token) } : { op: 'acquire' }),
      output: ([answer], { op }) => {
        if (op !== 'acquire') return answer === 'true';
        return answer === 'held' ? null : Number(answer);
      },
    },
    picture,
  );
}

/** `add a = true`, `remove a = false`, `contains a = true`, `members = a b`. */
export function setHistory(picture: string): readonly Operation<SetInput, SetOutput>[] {
  return drawn<SetInput, SetOutput>(
    {
      input: ([op, member = '']) =>
        op === 'add' || op === 'remove' || op === 'contains' ? { op, member } : { op: 'members' },
      output: (answer, { op }) => (op === 'members' ? answer : answer[0] === 'true'),
    },
    picture,
  );
}

/** `acquire a = 3` (mode x), `acquire a s = 3`, `convert a u = 3`, `release a = true`, `end a ?`. */
export function holdHistory(picture: string): readonly Operation<HoldInput, HoldOutput>[] {
  return drawn<HoldInput, HoldOutput>(
    {
      input: ([op, owner = '', mode = 'x']) => {
        if (op === 'release' || op === 'end') return { op, owner };
        return { op: op === 'convert' ? op : 'acquire', owner, mode: mode as HoldMode };
      },
      output: ([answer], { op }) => (op === 'release' ? answer === 'true' : Number(answer)),
    },
    picture,
  );
}

/** `acquire a 2 = true`, `release a 2 = false`, `end a ?`. */
export function permitsHistory(picture: string): readonly Operation<PermitsInput, PermitsOutput>[] {
  return drawn<PermitsInput, PermitsOutput>(
    {
      input: ([op, owner = '', permits]) =>
        op === 'end' ? { op, owner } : { op: op === 'release' ? op : 'acquire', owner, permits: Number(permits) },
      output: ([answer]) => answer === 'true',
    },
    picture,
  );
}
