/** A batch as it is written into one that can be run: names resolved, quantities read, every command parsed, every mistake noted. */
import { LIMITS } from '../../protocol/limits.js';
import { nearest } from '../grammar/nearest.js';
import { ADDRESS } from '../shell/options.js';
import { type BarrierStep, type Batch, type Client, leavesOf, type Step, type Target } from './batch.js';
import { compileSteps, type Surroundings } from './compile-steps.js';
import { BATCH_LIMITS } from './limits.js';
import { ONLY_CLIENT, tooManySteps } from './lines-batch.js';
import { GIVEN_NAMES, Quantities } from './quantities.js';
import type { RawBatch, RawClient } from './schema.js';
import type { Mistakes, Path, Source } from './source.js';

/** Where the batch comes from, and what is told besides. */
export interface Origin {
  readonly file: string;
  /** Its name when it says none. */
  readonly name: string;
  readonly source: Source;
  readonly set: ReadonlyMap<string, unknown>;
  readonly mistakes: Mistakes;
  /** Steps were left out that are wrong in their shape: what they captured is not known. */
  readonly lacksSteps: boolean;
}

/** The batch; to be run only when no mistakes were noted. */
export function compile(raw: RawBatch, origin: Origin): Batch {
  const reader = new Quantities(variablesOf(raw, origin), origin.source, origin.mistakes);
  const clients = clientsOf(raw, reader, origin);
  checkSize(clients, origin);
  checkBarriers(clients, origin.mistakes);
  const { file } = origin;
  return { file, name: raw.name ?? origin.name, target: targetOf(raw, origin), clients, goesOn: false };
}

function variablesOf(raw: RawBatch, { source, set, mistakes }: Origin): ReadonlyMap<string, unknown> {
  const variables = new Map(Object.entries(raw.vars ?? {}));
  for (const name of variables.keys())
    if (GIVEN_NAMES.includes(name))
      mistakes.add(source.ofKey(['vars', name]), `${name} is given by Concord: use another name`);
  if (variables.size > BATCH_LIMITS.variables_max)
    mistakes.add(source.ofKey(['vars']), `a batch has at most ${BATCH_LIMITS.variables_max} variables`);
  for (const [name, value] of set) {
    if (!variables.has(name)) {
      const suggestion = nearest(name, [...variables.keys()]);
      const advice = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
      mistakes.add(source.ofKey(['vars']), `--set ${name}: vars names no such variable${advice}`);
    }
    variables.set(name, value);
  }
  return variables;
}

function targetOf(raw: RawBatch, { source, mistakes }: Origin): Target {
  const { connect, temp } = raw;
  if (connect === undefined) {
    if (temp === undefined || temp === false) return { kind: 'local' };
    return { kind: 'temp', nodes: temp === true ? 3 : temp.nodes };
  }
  if (temp !== undefined) mistakes.add(source.ofKey(['temp']), 'a batch has either temp or connect, not both');
  const addresses = typeof connect === 'string' ? connect.split(',').map((one) => one.trim()) : connect;
  addresses.forEach((address, i) => {
    const path = typeof connect === 'string' ? ['connect'] : ['connect', i];
    if (!ADDRESS.test(address)) mistakes.add(source.of(path), `${JSON.stringify(address)} is no host:port`);
  });
  return { kind: 'connect', addresses };
}

/** A client as it is written, with its place. */
interface Written {
  readonly raw: RawClient;
  readonly path: Path;
  readonly names: readonly string[];
}

function clientsOf(raw: RawBatch, reader: Quantities, origin: Origin): Client[] {
  const written = writtenClients(raw, reader, origin);
  const names = written.flatMap((one) => one.names);
  const { source, mistakes } = origin;
  written.forEach((one) => {
    const twice = one.names.find((name) => names.filter((other) => other === name).length > 1);
    if (twice !== undefined) mistakes.add(source.of([...one.path, 'name']), `there are two clients ${twice}`);
  });
  return written.flatMap((one) => {
    const around: Surroundings = {
      reader,
      names,
      clientOf: one.names[0] ?? '',
      source,
      mistakes,
      lacksSteps: origin.lacksSteps,
    };
    const compiled = compileSteps(one.raw, one.path, around);
    const ttl_ms = ttlOf(one, reader, origin);
    return one.names.map((name, i) => ({
      name,
      variables: new Map<string, unknown>([...reader.variables, ['client', name], ['index', i + 1]]),
      ttl_ms,
      ...compiled,
    }));
  });
}

function ttlOf({ raw, path }: Written, reader: Quantities, { source, mistakes }: Origin): number | null {
  if (raw.ttl === undefined) return null;
  const at = [...path, 'ttl'];
  const ttl_ms = reader.duration(raw.ttl, at);
  const { ttl_ms_min, ttl_ms_max } = LIMITS;
  if (ttl_ms < ttl_ms_min || ttl_ms > ttl_ms_max)
    mistakes.add(source.of(at), `the TTL of a session is ${ttl_ms_min} to ${ttl_ms_max} ms`);
  return ttl_ms;
}

function writtenClients(raw: RawBatch, reader: Quantities, { source, mistakes }: Origin): Written[] {
  const { clients, steps, finally: last } = raw;
  if (clients === undefined) {
    if (steps === undefined)
      mistakes.add(source.at(0), 'there is nothing to do: expected steps, or clients with steps');
    const only = { name: ONLY_CLIENT, steps, ...(last === undefined ? {} : { finally: last }) };
    return [{ raw: only, path: [], names: [ONLY_CLIENT] }];
  }
  for (const key of ['steps', 'finally'] as const)
    if (raw[key] !== undefined)
      mistakes.add(source.ofKey([key]), `${key} stands inside a client where there are clients`);
  return clients.map((client, i) => {
    const path = ['clients', i];
    if (client.count === undefined) return { raw: client, path, names: [client.name] };
    const count = reader.count(client.count, [...path, 'count'], BATCH_LIMITS.clients_max);
    return { raw: client, path, names: Array.from({ length: count }, (_, copy) => `${client.name}-${copy + 1}`) };
  });
}

function checkSize(clients: readonly Client[], { source, mistakes }: Origin): void {
  const { clients_max, steps_max, runs_max } = BATCH_LIMITS;
  if (clients.length > clients_max)
    mistakes.add(source.ofKey(['clients']), `a batch has at most ${clients_max} clients, not ${clients.length}`);
  const written = new Set(clients.flatMap((client) => leavesOf([...client.steps, ...client.finally])));
  if (written.size > steps_max) mistakes.add(source.at(0), tooManySteps());
  const runs = clients.reduce((sum, client) => sum + runsOf([...client.steps, ...client.finally]), 0);
  if (runs > runs_max)
    mistakes.add(source.at(0), `${runs} commands are too many: steps, repeats and clients make at most ${runs_max}`);
}

function runsOf(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => {
    const times = 'repeat' in step ? (step.repeat?.times ?? 1) : 1;
    return sum + times * (step.kind === 'do' ? runsOf(step.steps) : 1);
  }, 0);
}

/** A barrier that one client alone comes to waits for nobody: it was meant to be another's, too. */
function checkBarriers(clients: readonly Client[], mistakes: Mistakes): void {
  const visitors = new Map<string, { readonly barrier: BarrierStep; readonly clients: Set<string> }>();
  for (const client of clients) {
    for (const leaf of leavesOf(client.steps)) {
      if (leaf.kind !== 'barrier') continue;
      const known = visitors.get(leaf.name) ?? { barrier: leaf, clients: new Set<string>() };
      visitors.set(leaf.name, known);
      known.clients.add(client.name);
    }
  }
  const names = [...visitors.keys()];
  for (const [name, { barrier, clients: come }] of visitors) {
    if (come.size > 1) continue;
    const suggestion = nearest(
      name,
      names.filter((other) => other !== name),
    );
    const advice = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    mistakes.add(barrier.place, `only one client comes to the barrier ${name}${advice}`);
  }
}
