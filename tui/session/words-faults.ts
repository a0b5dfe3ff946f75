/** The words that break nodes and links on order, and mend them: partition, slow, lose, fill, heal, faults. */
import type { Fault } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, type Call, requireNode } from './call.js';
import { type Survey, type Surveyed, survey } from './survey.js';

/** A row of `faults`. */
export interface FaultRow extends Fault {
  readonly node: string;
}

/** What one node is told. */
interface Order {
  readonly node: string;
  readonly argument: Readonly<Record<string, unknown>>;
}

type Word = 'partition' | 'slow' | 'lose' | 'fill' | 'heal';

/** {faults}. Both sides are told, so that each shows what befalls it. */
export function partition(command: CommandOf<'partition'>, call: Call): Promise<Answer> {
  const { left, right } = command.arguments.sides;
  const oneWay = command.flags['one-way'] === true;
  const cut = (node: string, peers: readonly string[], way: string): Order => ({ node, argument: { peers, way } });
  return breaking('partition', [...left, ...right], call, [
    ...left.map((node) => cut(node, right, oneWay ? 'out' : 'both')),
    ...right.map((node) => cut(node, left, oneWay ? 'in' : 'both')),
  ]);
}

/** {faults}. */
export function slow(command: CommandOf<'slow'>, call: Call): Promise<Answer> {
  const { node, time } = command.arguments;
  const argument = { ms: time, disk: command.flags.disk === true, peers: null };
  return breaking('slow', [node], call, [{ node, argument }]);
}

/** {faults}. */
export function lose(command: CommandOf<'lose'>, call: Call): Promise<Answer> {
  const { node, part } = command.arguments;
  return breaking('lose', [node], call, [{ node, argument: { percent: part, peers: null } }]);
}

/** {faults}. */
export function fill(command: CommandOf<'fill'>, call: Call): Promise<Answer> {
  const { node } = command.arguments;
  return breaking('fill', [node], call, [{ node, argument: {} }]);
}

/** {faults}: what is left. A node that is down has none; one that is there and does not answer keeps its own. */
export async function heal(command: CommandOf<'heal'>, call: Call): Promise<Answer> {
  const { node } = command.arguments;
  const found = await survey(call);
  if (node !== undefined) requireNode(node, found.members);
  const members = withDoors(found, node);
  const orders = members.map(({ id }) => ({
    node: id,
    argument: { peers: node === undefined || node === id ? null : [node] },
  }));
  const result = await carryOut('heal', orders, found, call);
  const deaf = await silent(found, call);
  const missed = deaf.filter((id) => node === undefined || node === id);
  if (missed.length === 0) return { result };
  throw new ConcordError(
    'UNREACHABLE',
    `no answer from ${missed.join(', ')}: what was broken there still is; the others are healed`,
    {
      details: { nodes: missed },
    },
  );
}

/** The members that are there, paused or connected, and do not answer. */
async function silent(found: Survey, call: Call): Promise<string[]> {
  const { members } = await call.cluster();
  const connected = new Set(members.filter((member) => member.connected).map(({ id }) => id));
  return found.members
    .filter(({ id, condition, state }) => state === null && (condition === 'paused' || connected.has(id)))
    .map(({ id }) => id);
}

/** {faults}. */
export async function faults(command: CommandOf<'faults'>, call: Call): Promise<Answer> {
  const { node } = command.arguments;
  const found = await survey(call);
  if (node === undefined) return { result: { faults: rowsOf(withDoors(found)) } };
  requireNode(node, found.members);
  const asked = found.members.filter(({ id }) => id === node);
  for (const member of asked) requireDoors(member);
  return { result: { faults: rowsOf(asked) } };
}

/** Nothing is ordered before it is known that all of `concerned` are there and take it. */
async function breaking(
  word: Word,
  concerned: readonly string[],
  call: Call,
  orders: readonly Order[],
): Promise<Answer> {
  const found = await survey(call);
  for (const node of concerned) requireNode(node, found.members);
  for (const member of found.members) if (concerned.includes(member.id)) requireDoors(member);
  return { result: await carryOut(word, orders, found, call) };
}

/** Tells the nodes, and gives what is in force everywhere then. */
async function carryOut(
  word: Word,
  orders: readonly Order[],
  found: Survey,
  call: Call,
): Promise<{ readonly faults: FaultRow[] }> {
  const cluster = await call.cluster();
  const now = new Map<string, readonly Fault[]>();
  const order = async ({ node, argument }: Order) => {
    const { value } = await cluster.admin(word, argument, call.asking(node));
    now.set(node, (value as { readonly faults: readonly Fault[] }).faults);
  };
  await Promise.all(orders.map(order));
  return { faults: found.members.flatMap((member) => rows(member.id, now.get(member.id) ?? inForce(member))) };
}

/** The members that answered and have doors. @throws ConcordError FAULTS_OFF when none has, or the one `node` answered and has not */
function withDoors(found: Survey, node?: string): readonly Surveyed[] {
  const members = found.members.filter(({ state }) => state?.faults !== undefined);
  const named = found.members.find(({ id }) => id === node);
  const without = named?.state != null ? named : found.members.find(({ state }) => state !== null);
  if (members.length === 0 || named?.state != null) requireDoors(without);
  return members;
}

/** @throws ConcordError UNREACHABLE, FAULTS_OFF */
function requireDoors(member: Surveyed | undefined): void {
  if (member === undefined) throw new ConcordError('UNREACHABLE');
  const { id, condition, state } = member;
  const details = { node: id };
  if (state === null) throw new ConcordError('UNREACHABLE', `${id} is ${condition} and takes no orders`, { details });
  if (state.faults === undefined)
    throw new ConcordError('FAULTS_OFF', `${id} was started without --faults`, { details });
}

function rowsOf(members: readonly Surveyed[]): FaultRow[] {
  return members.flatMap((member) => rows(member.id, inForce(member)));
}

function inForce({ state }: Surveyed): readonly Fault[] {
  return state?.faults ?? [];
}

function rows(node: string, faults: readonly Fault[]): FaultRow[] {
  return faults.map(({ fault, peer, way, ms, percent }) => ({ node, fault, peer, way, ms, percent }));
}
