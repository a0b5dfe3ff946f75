/** Cores with their disks, clocks and messages, moved by hand: nothing happens unless it is told to, and all that happens is written down. */
import type { RaftGroup } from '../../../node/raft/group.js';
import type { MultiRaft } from '../../../node/raft/multi.js';
import {
  type Configuration,
  DEFAULT_RAFT_SETTINGS,
  type NodeId,
  type PeerMessage,
  type Proposal,
  type RaftSettings,
} from '../../../node/raft/types.js';
import { Checks } from '../raft-checks.js';
import type { Damage } from '../raft-disk.js';
import { GROUP } from '../raft-harness.js';
import { Machine } from '../raft-machine.js';
import { changes, entriesOf, messageText, portraitOf, proposalText, readText, runText, saveText } from './print.js';

/** A message on its way. */
export interface Flight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PeerMessage;
}

/** What may become of messages that are picked. `duplicate`: a copy arrives, the message itself stays on its way. */
export type Fate = 'arrive' | 'drop' | 'duplicate';

const SETTLE_STEPS_MAX = 1000;
/** Every random draw is the middle: an election time-out lasts one and a half times `election_ms`. */
const MIDDLE = { uint32: () => 0x8000_0000 };

export class World {
  readonly #machines: Machine[];
  readonly #checks: Checks;
  /** Each node has a clock of its own: a script says whose time passes. */
  readonly #clocks = new Map<NodeId, number>();
  #flights: Flight[] = [];
  readonly #links = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #stalled = new Set<NodeId>();
  readonly #paused = new Set<NodeId>();
  /** What each disk is writing, as it was when that began. */
  readonly #writing = new Map<NodeId, string>();
  #contexts = 0;
  #lines: string[] = [];

  constructor(ids: readonly NodeId[], configuration: Configuration, settings: Partial<RaftSettings>) {
    const options = {
      groups: [GROUP],
      configuration,
      settings: { ...DEFAULT_RAFT_SETTINGS, ...settings },
      random: MIDDLE,
    };
    this.#machines = ids.map((id) => new Machine(id, options));
    this.#checks = new Checks(() => this.#machines);
    for (const id of ids) this.start(id);
    this.take();
  }

  /** What has happened since the last time. */
  take(): string[] {
    return this.#lines.splice(0);
  }

  // --- time ---------------------------------------------------------------------------------------------------------------------

  /** A node waits until its election time-out is over. */
  campaign(id: NodeId): void {
    const now = this.#now(id);
    const due = this.#group(id).deadline();
    if (this.#group(id).leads) throw new Error(`${id} leads: it waits for no election`);
    this.#clocks.set(id, due);
    this.#happen(id, `${id} has waited ${due - now} ms`, (multi) => multi.tick(due));
  }

  /** Time passes for a node; what falls due does so in its time. One that stands still does not notice. */
  pass(id: NodeId, ms: number): void {
    const begin = this.#now(id);
    const { multi } = this.#machine(id);
    for (let steps = 0; multi !== null && !this.#paused.has(id) && multi.deadline() <= begin + ms; steps++) {
      if (steps > SETTLE_STEPS_MAX) throw new Error(`the timers of ${id} do not come to rest`);
      const due = Math.max(this.#now(id), multi.deadline());
      this.#clocks.set(id, due);
      this.#happen(id, `${id} after ${due - begin} ms`, () => multi.tick(due), true);
    }
    this.#clocks.set(id, begin + ms);
  }

  pause(id: NodeId): void {
    this.#paused.add(id);
  }

  resume(id: NodeId): void {
    this.#paused.delete(id);
    this.pass(id, 0);
  }

  // --- messages -------------------------------------------------------------------------------------------------------------------

  /** Does with those messages on their way that are picked what is said, in order or the last one first. */
  deliver(picked: (flight: Flight) => boolean, fate: Fate, reversed: boolean): void {
    const flights = this.#flights.filter((flight) => picked(flight) && (fate === 'drop' || this.#reachable(flight)));
    for (const flight of reversed ? flights.reverse() : flights) {
      if (fate !== 'duplicate') this.#flights = this.#flights.filter((one) => one !== flight);
      if (fate === 'drop') this.#lines.push(`lost: ${flightText(flight)}`);
      else this.#arrive(flight);
    }
  }

  /** Delivers what is picked, then lets every disk finish its write, over and over until nothing is left to do. */
  settle(picked: (flight: Flight) => boolean): void {
    for (let steps = 0; steps < SETTLE_STEPS_MAX; steps++) {
      const writing = this.ids.filter((id) => this.#writing.has(id) && !this.#stalled.has(id) && !this.#paused.has(id));
      if (this.#flights.some((one) => picked(one) && this.#reachable(one))) this.deliver(picked, 'arrive', false);
      else if (writing.length > 0) for (const id of writing) this.save(id);
      else return;
    }
    throw new Error('it does not settle');
  }

  /** From now on messages between two nodes are lost, and neither notices. */
  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(pair(a, b));
  }

  /** They get through again, and connections that could not be made are. */
  mend(): void {
    this.#cut.clear();
    for (const a of this.ids) for (const b of this.ids) this.#connect(a, b);
  }

  // --- disks and processes --------------------------------------------------------------------------------------------------------

  /** A disk confirms what it is writing; the next write begins. */
  save(id: NodeId): void {
    const text = this.#writing.get(id);
    if (text === undefined) throw new Error(`${id} is writing nothing`);
    this.#writing.delete(id);
    this.#happen(id, `${id} has saved ${text}`, () => this.#machine(id).saved(this.#now(id)));
  }

  /** A disk confirms nothing any more unless told to by `save`, or it does again. */
  stall(id: NodeId, stalls: boolean): void {
    if (stalls) this.#stalled.add(id);
    else this.#stalled.delete(id);
  }

  /** A process dies, and with its connections what was on its way. What was being written is there afterwards only if `written`. */
  crash(id: NodeId, written: boolean): void {
    this.#machine(id).crash(written);
    this.#writing.delete(id);
    this.#paused.delete(id);
    this.deliver(({ from, to }) => from === id || to === id, 'drop', false);
    for (const peer of this.ids)
      if (this.#links.delete(pair(id, peer)))
        this.#happen(peer, `${peer} loses ${id}`, (multi) => multi.disconnected(id, this.#now(peer)), true);
  }

  /** A process starts from what is on its disk, and everyone who is up connects with it. */
  start(id: NodeId): void {
    if (this.#isUp(id)) throw new Error(`${id} is up`);
    this.#clocks.set(id, this.#clocks.get(id) ?? 0);
    this.#machine(id).start(this.#now(id));
    this.#lines.push(this.#stateOf(id));
    for (const peer of this.ids) this.#connect(id, peer);
  }

  // --- checkpoints, snapshots, repair -----------------------------------------------------------------------------------------------

  /** Writes down what a node has applied, durably at once; all but `tail` entries of its log below that go. */
  checkpoint(id: NodeId, tail: number): void {
    const machine = this.#machine(id);
    const base = machine.cut(this.#group(id));
    if (base === null) throw new Error(`${id} has nothing to write down, or its term is not durable`);
    machine.flush(GROUP, base);
    this.#happen(id, `${id} has written a checkpoint as of ${base.index}/${base.term}`, () =>
      machine.flushed(this.#group(id), tail),
    );
  }

  /** A node sends another its newest checkpoint, which has all of it at once: an offer, then the rows. */
  snapshot(from: NodeId, to: NodeId): void {
    const base = this.#machine(from).diskOf(GROUP).base;
    if (base === null) throw new Error(`${from} has no checkpoint`);
    const leaderTerm = this.#group(from).term;
    const text = `a snapshot t${leaderTerm} as of ${base.index}/${base.term}`;
    const offer = `${from} offers ${to} ${text}`;
    this.#happen(to, offer, () => void this.#group(to).heartbeat(from, leaderTerm, 0, 0, this.#now(to)), true);
    const taken = () => this.#machine(to).install(this.#group(to), base, leaderTerm, this.#now(to));
    let done = false;
    this.#happen(to, `${to} has all of ${text}`, () => {
      done = taken();
      return done ? null : 'leaves it';
    });
    if (!done) return;
    this.#happen(from, `${from} hears that ${to} has it`, () =>
      this.#group(from).snapshotSent(to, base.index, this.#now(from)),
    );
  }

  /** The disk of a node that is down loses something. */
  lose(id: NodeId, what: Damage, from: number): void {
    if (this.#isUp(id)) throw new Error(`${id} is up`);
    this.#machine(id).diskOf(GROUP).damage(what, from);
    this.#lines.push(`${id} has left: ${onDisk(this.#machine(id)) || 'nothing'}`);
  }

  /** A damaged node has asked all others for their terms. */
  terms(id: NodeId): void {
    const others = this.ids.filter((one) => one !== id);
    const term = Math.max(...others.map((one) => this.#group(one).term));
    this.#happen(id, `${id} hears that no other is beyond t${term}`, () =>
      this.#group(id).repairTerm(term, this.#now(id)),
    );
  }

  /** That a node is whole again has been written down. */
  repaired(id: NodeId): void {
    const machine = this.#machine(id);
    machine.diskOf(GROUP).repaired();
    this.#checks.repaired(machine, this.#group(id));
    this.#happen(id, `${id} has written down that it is whole`, () => this.#group(id).repairDone());
  }

  // --- what users do --------------------------------------------------------------------------------------------------------------

  propose(id: NodeId, entries: readonly Proposal[]): void {
    this.#happen(id, `${id} is given ${entries.map(proposalText).join(', ')}`, () => {
      const result = this.#group(id).propose(entries, this.#now(id));
      return typeof result === 'string' ? `refuses: ${result}` : null;
    });
  }

  read(id: NodeId): void {
    const context = ++this.#contexts;
    this.#happen(id, `${id} is asked for read ${context}`, (multi) =>
      this.#group(id).read(context, multi.nextRound, this.#now(id)),
    );
  }

  transfer(id: NodeId, to: NodeId): void {
    this.#happen(id, `${id} is told to hand over to ${to}`, () =>
      this.#group(id).transfer(to, this.#now(id)) ? null : 'refuses',
    );
  }

  // --- what can be seen -----------------------------------------------------------------------------------------------------------

  get ids(): NodeId[] {
    return this.#machines.map(({ id }) => id);
  }

  /** A line for every node: its part, term, log and commit index, and what its disk says of term and vote. */
  state(): string[] {
    return this.ids.map((id) => this.#stateOf(id));
  }

  /** A line for every node: its log; of one that is down, that on its disk. */
  logs(): string[] {
    return this.#machines.map((machine) => {
      if (machine.multi === null) return `${machine.id} down: ${onDisk(machine) || 'empty'}`;
      const { commit, durable } = this.#group(machine.id).view();
      const { first } = this.#group(machine.id).log;
      const entries = entriesOf(this.#group(machine.id)).map((text, i) => (first + i <= durable ? text : `[${text}]`));
      const known = Math.max(0, commit - first + 1);
      const halves = [entries.slice(0, known), entries.slice(known)].map((half) => half.join(', '));
      return `${machine.id}: ${first > 1 ? `... ${first - 1}, ` : ''}${halves.join(' | ').trim()}`;
    });
  }

  // --- how it works ---------------------------------------------------------------------------------------------------------------

  #stateOf(id: NodeId): string {
    const machine = this.#machine(id);
    const { term, vote } = machine.disk.get(GROUP)?.state ?? { term: 0, vote: '' };
    const disk = `on disk t${term} vote ${vote || 'none'}`;
    if (machine.multi === null) return `${id} down, ${disk}`;
    const { role, term: now, leader, last, commit, first, repairing } = this.#group(id).view();
    const under = role === 'leader' ? '' : ` under ${leader || 'nobody'}`;
    const from = first > 1 ? ` behind ${first - 1}` : '';
    const log = last === 0 ? 'log empty' : `log${from} to ${last}/${this.#group(id).log.lastTerm}`;
    return `${id} ${role} in t${now}${under}, ${log}, commit ${commit}, ${disk}${repairing ? ', under repair' : ''}`;
  }

  #arrive(flight: Flight): void {
    const { from, to, message } = flight;
    this.#happen(to, flightText(flight), (multi) => multi.receive(from, message, this.#now(to)));
  }

  // Something happens to a node that is up, then it has its turn. What comes of it stands below the title, which some go without.
  #happen(id: NodeId, title: string, what: (multi: MultiRaft) => unknown, onlyIfNews = false): void {
    const machine = this.#machine(id);
    const { multi } = machine;
    if (multi === null) return;
    const before = portraitOf(this.#group(id));
    const said = what(multi);
    multi.beat(this.#now(id));
    const news = [
      ...(typeof said === 'string' ? [said] : []),
      ...changes(before, portraitOf(this.#group(id))),
      ...this.#takeOut(machine, multi),
      ...this.#beginSave(machine),
    ];
    this.#checks.after(machine);
    if (news.length > 0 || !onlyIfNews) this.#lines.push(title, ...news.map((line) => `  ${line}`));
  }

  #takeOut(machine: Machine, multi: MultiRaft): string[] {
    const group = this.#group(machine.id);
    const news: string[] = [];
    for (let out = group.take(), more = true; more; out = group.take()) {
      if (out.reason !== '') news.push(`because ${out.reason}`);
      for (const { to, message } of out.messages) news.push(this.#send(machine, to, message));
      for (const result of out.reads) news.push(`answers ${readText(result)}`);
      for (const run of out.loads) {
        news.push(`reads ${runText(run)} from its disk`);
        group.loaded(run, run.place as Buffer, this.#now(machine.id));
      }
      for (const peer of out.snapshots) news.push(`wants a snapshot sent to ${peer}`);
      if (out.repaired) news.push('holds everything again');
      more = out.loads.length > 0;
    }
    for (const { to, message } of multi.take()) news.push(this.#send(machine, to, message));
    machine.apply(group);
    return news;
  }

  #beginSave(machine: Machine): string[] {
    machine.pump(this.#now(machine.id));
    const save = machine.saving[0];
    if (save === undefined || this.#writing.has(machine.id)) return [];
    this.#writing.set(machine.id, saveText(save));
    return [`saves ${saveText(save)}`];
  }

  #send(machine: Machine, to: NodeId, message: PeerMessage): string {
    this.#checks.leaving(machine, to, message);
    const lost = this.#cut.has(pair(machine.id, to)) || !this.#isUp(to);
    if (!lost) this.#flights.push({ from: machine.id, to, message });
    return `${lost ? '-x' : '->'} ${to} ${messageText(message)}`;
  }

  // Both ends of a connection notice that it is there.
  #connect(a: NodeId, b: NodeId): void {
    if (a === b || !this.#isUp(a) || !this.#isUp(b) || this.#links.has(pair(a, b)) || this.#cut.has(pair(a, b))) return;
    this.#links.add(pair(a, b));
    this.#happen(a, `${a} meets ${b}`, (multi) => multi.connected(b, this.#now(a)), true);
    this.#happen(b, `${b} meets ${a}`, (multi) => multi.connected(a, this.#now(b)), true);
  }

  #reachable({ to }: Flight): boolean {
    return !this.#paused.has(to);
  }

  #isUp(id: NodeId): boolean {
    return this.#machine(id).multi !== null;
  }

  #now(id: NodeId): number {
    return this.#clocks.get(id) ?? 0;
  }

  #group(id: NodeId): RaftGroup {
    const group = this.#machine(id).multi?.groups.get(GROUP);
    if (group === undefined) throw new Error(`${id} is down`);
    return group;
  }

  #machine(id: NodeId): Machine {
    const machine = this.#machines.find((one) => one.id === id);
    if (machine === undefined) throw new Error(`there is no ${id}`);
    return machine;
  }
}

function pair(a: NodeId, b: NodeId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function flightText({ from, to, message }: Flight): string {
  return `${from} -> ${to} ${messageText(message)}`;
}

function onDisk(machine: Machine): string {
  const runs = machine.disk.get(GROUP)?.runs ?? [];
  return runs.map((run) => runText(run)).join(', ');
}
