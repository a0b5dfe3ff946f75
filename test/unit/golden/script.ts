/** Golden scripts: commands for a world of cores, and below each what came of it. test/golden/raft/README.md explains them. */
import { encodeConfiguration } from '../../../node/raft/configuration.js';
import {
  CONFIGURATION,
  type Configuration,
  DEFAULT_RAFT_SETTINGS,
  type NodeId,
  type PeerMessage,
  type RaftSettings,
} from '../../../node/raft/types.js';
import { DAMAGES } from '../raft-disk.js';
import { word } from '../raft-harness.js';
import { type Fate, type Flight, World } from './world.js';

const KINDS: Readonly<Record<PeerMessage['kind'], true>> = {
  vote_request: true,
  vote_reply: true,
  append: true,
  append_reply: true,
  timeout_now: true,
  read_index: true,
  read_index_reply: true,
  heartbeat: true,
  heartbeat_reply: true,
};

/** Commands: with the names behind each, what it does to the world. What it returns is its output instead of what happened. */
const COMMANDS: Readonly<Record<string, (world: World, words: string[]) => string[] | undefined>> = {
  campaign: (world, words) => each(world, words, (id) => world.campaign(id)),
  elect: (world, words) => {
    each(world, words, (id) => world.campaign(id));
    return COMMANDS['settle']?.(world, ['quietly']);
  },
  pass: (world, [time = '', ...words]) => each(world, words, (id) => world.pass(id, milliseconds(time))),
  pause: (world, words) => each(world, words, (id) => world.pause(id)),
  resume: (world, words) => each(world, words, (id) => world.resume(id)),
  deliver: (world, words) => deliver(world, words),
  settle: (world, words) => {
    const quietly = words.at(-1) === 'quietly';
    world.settle(pickerOf(quietly ? words.slice(0, -1) : words));
    if (!quietly) return undefined;
    world.take();
    return world.state();
  },
  cut: (world, [id = '', ...peers]) =>
    each(world, peers.length > 0 ? peers : world.ids.filter((one) => one !== id), (peer) => world.cut(id, peer)),
  mend: (world) => {
    world.mend();
    return undefined;
  },
  save: (world, words) => each(world, words, (id) => world.save(id)),
  stall: (world, words) => each(world, words, (id) => world.stall(id, true)),
  unstall: (world, words) => each(world, words, (id) => world.stall(id, false)),
  crash: (world, [id = '', written]) => each(world, [id], () => world.crash(id, written === 'written')),
  start: (world, words) => each(world, words, (id) => world.start(id)),
  propose: (world, [id = '', ...words]) => each(world, [id], () => world.propose(id, words.map(word))),
  configure: (world, [id = '', ...words]) => {
    const { configuration } = membersIn(words);
    return each(world, [id], () =>
      world.propose(id, [{ kind: CONFIGURATION, payload: encodeConfiguration(configuration) }]),
    );
  },
  read: (world, words) => each(world, words, (id) => world.read(id)),
  transfer: (world, [id = '', to = '']) => each(world, [id], () => world.transfer(id, to)),
  checkpoint: (world, [id = '', tail = '0']) => each(world, [id], () => world.checkpoint(id, Number(tail))),
  snapshot: (world, [from = '', to = '']) => each(world, [from], () => world.snapshot(from, to)),
  lose: (world, [id = '', what = '', from = '1']) => {
    const damage = DAMAGES.find((one) => one === what);
    if (damage === undefined) throw new Error(`a disk loses one of ${DAMAGES.join(', ')}`);
    return each(world, [id], () => world.lose(id, damage, Number(from)));
  },
  terms: (world, words) => each(world, words, (id) => world.terms(id)),
  repaired: (world, words) => each(world, words, (id) => world.repaired(id)),
  state: (world) => world.state(),
  logs: (world) => world.logs(),
};

/** Carries out a script. Returns it with what really came of each command; comments and empty lines stay. @throws Error naming the line. */
export function perform(script: string): string {
  const lines: string[] = [];
  let world: World | null = null;
  for (const [i, line] of script.split('\n').entries()) {
    if (line.startsWith('    ')) continue;
    lines.push(line);
    if (line === '' || line.startsWith('#')) continue;
    const [command = '', ...words] = line.split(' ');
    try {
      if (command === 'nodes') world = worldOf(words);
      if (world === null) throw new Error('a script begins with nodes');
      const output = command === 'nodes' ? world.state() : commandNamed(command)(world, words);
      const came = output ?? world.take();
      for (const text of came.length > 0 ? came : ['(nothing)']) lines.push(`    ${text}`);
    } catch (cause) {
      throw new Error(`line ${i + 1}, ${line}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  return lines.join('\n');
}

function commandNamed(name: string): (typeof COMMANDS)[string] {
  const command = COMMANDS[name];
  if (command === undefined) throw new Error(`there is no command ${name}`);
  return command;
}

// For each node that is named, or for all.
function each(world: World, ids: readonly NodeId[], what: (id: NodeId) => void): undefined {
  for (const id of ids.length > 0 ? ids : world.ids) what(id);
}

function deliver(world: World, words: readonly string[]): undefined {
  const fate = words.find((one): one is Fate => one === 'drop' || one === 'duplicate') ?? 'arrive';
  const picks = words.filter((one) => one !== fate && one !== 'reverse');
  world.deliver(pickerOf(picks), fate, words.includes('reverse'));
}

// "n1-> n2->n3 append heartbeat": the links, or all, and the kinds, or all.
function pickerOf(words: readonly string[]): (flight: Flight) => boolean {
  const links = words.filter((one) => one.includes('->')).map((one) => one.split('->'));
  const kinds = words.filter((one) => !one.includes('->'));
  for (const one of kinds) if (!(one in KINDS)) throw new Error(`${one} is no link, kind of message or fate`);
  return ({ from, to, message }) =>
    (kinds.length === 0 || kinds.includes(message.kind)) &&
    (links.length === 0 || links.some(([a, b]) => (a === '' || a === from) && (b === '' || b === to)));
}

function worldOf(words: readonly string[]): World {
  const { ids, configuration, settings } = membersIn(words);
  return new World(ids, configuration, settings);
}

// "n1 n2 outgoing n3 learners n4 append_runs_max=1": voters first.
function membersIn(words: readonly string[]): {
  ids: NodeId[];
  configuration: Configuration;
  settings: Partial<RaftSettings>;
} {
  const members: Record<keyof Configuration, NodeId[]> = { voters: [], outgoing: [], learners: [] };
  const settings: Partial<Record<string, number>> = {};
  let half = members.voters;
  for (const one of words) {
    const [name = '', value] = one.split('=');
    if (value !== undefined) {
      if (!(name in DEFAULT_RAFT_SETTINGS)) throw new Error(`there is no setting ${name}`);
      settings[name] = Number(value);
    } else if (one === 'outgoing' || one === 'learners') half = members[one];
    else half.push(one);
  }
  const ids = [...new Set([...members.voters, ...members.outgoing, ...members.learners])];
  return { ids, configuration: members, settings };
}

function milliseconds(text: string): number {
  const ms = Number(text.replace(/ms$/, ''));
  if (!text.endsWith('ms') || !Number.isInteger(ms)) throw new Error(`${text} is no time; say 100ms`);
  return ms;
}
