/** The steps of one client, compiled in the order in which they run: so it is known which variables each of them has. */
import { nearest } from '../grammar/nearest.js';
import type { Client, Repeat, RunStep, Step } from './batch.js';
import { type CommandProblem, checkCommand } from './check-command.js';
import type { Expectation } from './expectation.js';
import { BATCH_LIMITS } from './limits.js';
import { GIVEN_NAMES, type Quantities } from './quantities.js';
import type { RawClient, RawRunStep, RawStep } from './schema.js';
import type { Mistakes, Path, Source } from './source.js';
import { BadTemplate, fillCommand, literally, type Template, template, variablesOf } from './template.js';

/** What a client's steps are compiled in. */
export interface Surroundings {
  readonly reader: Quantities;
  /** All clients. */
  readonly names: readonly string[];
  /** The client, the first of its copies. */
  readonly clientOf: string;
  readonly source: Source;
  readonly mistakes: Mistakes;
  /** Steps are missing, and with them what they captured. */
  readonly lacksSteps: boolean;
}

/** The steps of a client and those at its end. */
export function compileSteps(raw: RawClient, path: Path, around: Surroundings): Pick<Client, 'steps' | 'finally'> {
  const compiler = new Compiler(around);
  const steps = compiler.list(raw.steps ?? [], [...path, 'steps'], OUTSIDE);
  return { steps, finally: compiler.list(raw.finally ?? [], [...path, 'finally'], { ...OUTSIDE, atEnd: true }) };
}

/** Where a step stands. */
interface Position {
  readonly depth: number;
  /** Inside a repeat: `${i}` is known. */
  readonly repeated: boolean;
  readonly as: string | null;
  /** Among the steps of `finally`. */
  readonly atEnd: boolean;
}

const OUTSIDE: Position = { depth: 0, repeated: false, as: null, atEnd: false };

/** Texts that stand in for a captured value while a command is checked: one of them fits wherever a captured value may. */
const STAND_INS: readonly unknown[] = [1, 'x', '1s', 'x:1'];

class Compiler {
  readonly #around: Surroundings;
  readonly #captured = new Set<string>();
  #number = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  list(raw: readonly RawStep[], path: Path, position: Position): Step[] {
    return raw.map((step, i) => this.#step(step, [...path, i], position));
  }

  #step(raw: RawStep, path: Path, position: Position): Step {
    const { reader, source, mistakes } = this.#around;
    if ('run' in raw) return this.#run(raw, path, position);
    if ('do' in raw) {
      if (position.depth === BATCH_LIMITS.depth_max)
        mistakes.add(source.of(path), `steps stand at most ${BATCH_LIMITS.depth_max} deep`);
      const repeat = this.#repeat(raw, path);
      const as = this.#client(raw.as, [...path, 'as']) ?? position.as;
      const inner = { ...position, depth: position.depth + 1, repeated: position.repeated || repeat !== null, as };
      return { kind: 'do', steps: this.list(raw.do, [...path, 'do'], inner), repeat };
    }
    const place = source.of(path);
    this.#number++;
    if ('sleep' in raw)
      return { kind: 'sleep', number: this.#number, place, ms: reader.duration(raw.sleep, [...path, 'sleep']) };
    if ('vanish' in raw) {
      const client = this.#client(raw.vanish, [...path, 'vanish']) ?? '';
      return { kind: 'vanish', number: this.#number, place, client };
    }
    if (position.atEnd)
      mistakes.add(place, 'a barrier cannot stand in finally: some client may have stopped long before');
    return { kind: 'barrier', number: this.#number, place, name: raw.barrier };
  }

  #run(raw: RawRunStep, path: Path, position: Position): RunStep {
    const { reader, source } = this.#around;
    this.#number++;
    const repeat = this.#repeat(raw, path);
    const repeated = position.repeated || repeat !== null;
    const expect: Expectation | null = raw.expect === undefined ? null : (raw.expect as Expectation);
    // A plain text is a step by itself: it has no key `run`.
    const at = source.has([...path, 'run']) ? [...path, 'run'] : path;
    const step: RunStep = {
      kind: 'run',
      number: this.#number,
      place: source.of(path),
      command: this.#command(raw.run, at, repeated, expect),
      expect,
      capture: Object.entries(raw.capture ?? {}),
      within_ms: raw.within === undefined ? null : reader.duration(raw.within, [...path, 'within']),
      as: this.#client(raw.as, [...path, 'as']) ?? position.as,
      repeat,
    };
    if (expect !== null) this.#texts(expect, [...path, 'expect'], repeated);
    // All fields first: none of them can be found by what is captured beside it.
    for (const [name, field] of step.capture) this.#template(field, [...path, 'capture', name], repeated);
    for (const [name] of step.capture) this.#capture(name, [...path, 'capture', name]);
    return step;
  }

  #repeat(raw: { repeat?: unknown; pace?: unknown }, path: Path): Repeat | null {
    const { reader, source, mistakes } = this.#around;
    if (raw.repeat === undefined) {
      if (raw.pace !== undefined)
        mistakes.add(source.ofKey([...path, 'pace']), 'pace is the time between repeats: there is no repeat');
      return null;
    }
    const times = reader.count(raw.repeat, [...path, 'repeat'], BATCH_LIMITS.runs_max);
    return { times, pace_ms: raw.pace === undefined ? 0 : reader.duration(raw.pace, [...path, 'pace']) };
  }

  /** The name of a client; null when none is given. */
  #client(name: string | undefined, path: Path): string | null {
    const { names, source, mistakes } = this.#around;
    if (name !== undefined && !names.includes(name)) {
      const suggestion = nearest(name, names);
      const advice =
        suggestion === undefined ? `there are ${names.slice(0, 8).join(', ')}` : `did you mean ${suggestion}?`;
      mistakes.add(source.of(path), `there is no client ${name}; ${advice}`);
    }
    return name ?? null;
  }

  #capture(name: string, path: Path): void {
    const { reader, source, mistakes } = this.#around;
    if (GIVEN_NAMES.includes(name)) mistakes.add(source.ofKey(path), `${name} is given by Concord: use another name`);
    if (reader.variables.has(name)) mistakes.add(source.ofKey(path), `${name} is one of vars: use another name`);
    this.#captured.add(name);
  }

  #command(text: string, path: Path, repeated: boolean, expect: Expectation | null): Template {
    const { source, mistakes } = this.#around;
    const command = this.#template(text, path, repeated);
    if (command === null) return literally(text);
    const problem = this.#problem(command);
    const expected: readonly string[] = expect?.error === undefined ? [] : [expect.error].flat();
    if (problem !== null && !expected.includes(problem.code))
      mistakes.add(
        problem.position === null ? source.of(path) : source.within(path, problem.position),
        problem.message,
      );
    return command;
  }

  /** What is wrong with a command, whatever the values that are captured; its position is one in the template. */
  #problem(command: Template): CommandProblem | null {
    const { reader, clientOf } = this.#around;
    const values = new Map<string, unknown>([...reader.variables, ['i', 1], ['client', clientOf], ['index', 1]]);
    const open = new Set(variablesOf(command).flatMap(({ name }) => (values.has(name) ? [] : [name])));
    let first: CommandProblem | null = null;
    for (const standIns of assignments([...open])) {
      const filled = fillCommand(command, (name) => values.get(name) ?? standIns.get(name) ?? null);
      const checked = checkCommand(filled.text);
      if (!('message' in checked)) return checked.word === 'exit' ? EXIT_PROBLEM : null;
      first ??= { ...checked, position: checked.position === null ? null : filled.origin(checked.position) };
    }
    return first;
  }

  /** The template in a text, all of its variables known; null after a mistake. */
  #template(text: string, path: Path, repeated: boolean): Template | null {
    const { reader, source, mistakes, lacksSteps } = this.#around;
    let read: Template;
    try {
      read = template(text);
    } catch (error) {
      if (!(error instanceof BadTemplate)) throw error;
      mistakes.add(source.within(path, error.position), error.message);
      return null;
    }
    const given = GIVEN_NAMES.filter((name) => name !== 'i' || repeated);
    const known = new Set([...reader.variables.keys(), ...this.#captured, ...given]);
    const unknown = variablesOf(read).filter(({ name }) => !known.has(name));
    for (const { name, at } of unknown) {
      if (lacksSteps && name !== 'i') continue;
      const suggestion = name === 'i' ? undefined : nearest(name, [...known]);
      const advice =
        name === 'i' ? ': i counts repeats' : suggestion === undefined ? '' : `; did you mean \${${suggestion}}?`;
      mistakes.add(source.within(path, at), `\${${name}} is neither in vars nor captured before${advice}`);
    }
    return unknown.length === 0 ? read : null;
  }

  /** Checks the variables of every text in a value. */
  #texts(value: unknown, path: Path, repeated: boolean): void {
    if (typeof value === 'string') this.#template(value, path, repeated);
    else if (value instanceof Object)
      for (const [key, inside] of Object.entries(value)) {
        // The short forms of an expectation, a value or a pattern by itself, have no key of their own.
        const deeper = [...path, Array.isArray(value) ? Number(key) : key];
        this.#texts(inside, this.#around.source.has(deeper) ? deeper : path, repeated);
      }
  }
}

const EXIT_PROBLEM: CommandProblem = {
  code: 'USAGE',
  message: 'a batch ends with its last step: exit means nothing here',
  position: 0,
};

/** Every way to give these variables one of the stand-ins each; of many variables, the first ways. */
function assignments(names: readonly string[]): Map<string, unknown>[] {
  let ways = [new Map<string, unknown>()];
  for (const name of names)
    ways = ways.flatMap((way) => STAND_INS.map((standIn) => new Map([...way, [name, standIn]]))).slice(0, WAYS_MAX);
  return ways;
}

/** Ways that are tried: all that five variables have. */
const WAYS_MAX = 4 ** 5;
