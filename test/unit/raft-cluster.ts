/** Several cores with simulated links, disks and time: everything that can happen between them, from one seed, checked after each event. */
import type { RaftGroup } from '../../node/raft/group.js';
import type { MultiRaft } from '../../node/raft/multi.js';
import type { Run } from '../../node/raft/run.js';
import type { Random, ReadResult } from '../../node/raft/state.js';
import {
  type Configuration,
  DEFAULT_RAFT_SETTINGS,
  type NodeId,
  type PeerMessage,
  type RaftSettings,
} from '../../node/raft/types.js';
import { seededRandom } from '../simulation/time.js';
import { Broken, Checks } from './raft-checks.js';
import type { Base, Damage } from './raft-disk.js';
import { GROUP, word } from './raft-harness.js';
import { type Asked, Machine } from './raft-machine.js';

export interface ClusterOptions {
  readonly seed?: number;
  readonly ids?: readonly NodeId[];
  readonly groups?: readonly string[];
  readonly configuration?: Configuration;
  readonly settings?: Partial<RaftSettings>;
}

/** What goes wrong with messages, percent, and how long they take. */
export interface Weather {
  lose: number;
  double: number;
  /** Messages take from 1 ms to this: above 1, they overtake each other. */
  latency_ms: number;
}

interface Event {
  readonly due: number;
  readonly run: () => void;
}

/** A snapshot that was not answered by then has failed, ms. */
const SNAPSHOT_MS_MAX = 300;
/** How often a damaged replica asks for terms, ms. */
const ASK_MS = 20;

export class Cluster {
  readonly random: Random;
  readonly ids: readonly NodeId[];
  readonly checks: Checks;
  readonly weather: Weather = { lose: 0, double: 0, latency_ms: 1 };
  /** One line for every change of a role. */
  readonly trace: string[] = [];
  now = 0;
  /** Reads answered, snapshots sent, snapshots that took the place of a state, repairs that came to their end. */
  reads = 0;
  snapshots = 0;
  installed = 0;
  repairs = 0;
  readonly #machines = new Map<NodeId, Machine>();
  #events: Event[] = [];
  /** Links that are up, each with its own number: what is on its way dies with it. */
  readonly #links = new Map<string, number>();
  readonly #severed = new Set<string>();
  readonly #blocked = new Set<string>();
  #linkNumber = 0;

  constructor(options: ClusterOptions = {}) {
    const random = seededRandom(options.seed ?? 1);
    this.random = random;
    this.ids = options.ids ?? ['n1', 'n2', 'n3'];
    const groups = options.groups ?? [GROUP];
    const configuration = options.configuration ?? { voters: this.ids, outgoing: [], learners: [] };
    const settings = { ...DEFAULT_RAFT_SETTINGS, ...options.settings };
    for (const id of this.ids) this.#machines.set(id, new Machine(id, { groups, configuration, settings, random }));
    this.checks = new Checks(() => [...this.#machines.values()]);
  }

  // --- what a test does ---

  start(...ids: NodeId[]): this {
    for (const id of ids.length > 0 ? ids : this.ids) {
      const machine = this.machine(id);
      if (machine.multi !== null) continue;
      machine.start(this.now);
      for (const other of this.ids) if (!this.#severed.has(pair(id, other))) this.join(id, other);
      for (const raft of this.machine(id).multi?.groups.values() ?? [])
        if (raft.repairing) this.#askTerms(machine, raft);
    }
    return this;
  }

  /** Writes down what a node has applied, then gives up all but `tail` entries of its log below that. It takes `ms` until that is durable. */
  checkpoint(id: NodeId, tail = 0, ms = 1, group = GROUP): void {
    const machine = this.machine(id);
    const raft = this.group(id, group);
    const base = machine.cut(raft);
    if (base === null) return;
    machine.flush(group, base);
    this.#after(ms, () => {
      if (machine.multi?.groups.get(group) === raft) this.#happen(id, () => machine.flushed(raft, tail));
    });
  }

  /** The disk of a node that is down loses something; when it is started it will know. False when too many others have. */
  damage(id: NodeId, what: Damage, from = 1, group = GROUP): boolean {
    const broken = this.ids.filter((one) => one !== id && this.machine(one).diskOf(group).repairing);
    if (this.isUp(id) || 2 * (broken.length + 1) >= this.ids.length) return false;
    this.#note(`${id} loses ${what} ${from}`);
    this.machine(id).diskOf(group).damage(what, from);
    return true;
  }

  /** The process dies. What was being written may be there or not: the whole batch or nothing of it. */
  crash(id: NodeId): void {
    const machine = this.machine(id);
    if (machine.multi === null) return;
    this.#note(`${id} crashes`);
    machine.crash(this.pick(2) === 0);
    for (const other of this.ids) this.#unlink(id, other);
  }

  /** A node stands still: what comes to it waits, and so do its timers. It still does what a test asks of it. */
  pause(id: NodeId): void {
    if (this.isUp(id)) this.machine(id).waiting ??= [];
  }

  /** It runs again, and finds what came meanwhile, in order, before its timers. */
  resume(id: NodeId): void {
    const machine = this.machine(id);
    const waiting = machine.waiting ?? [];
    machine.waiting = null;
    for (const happen of waiting) this.#after(0, happen);
  }

  /** Closes the link between two nodes; both see it. It stays closed until `join`. */
  sever(a: NodeId, b: NodeId): void {
    this.#severed.add(pair(a, b));
    this.#unlink(a, b);
  }

  /** Sets a link up, if both live and nothing keeps them apart. */
  join(a: NodeId, b: NodeId): void {
    this.#severed.delete(pair(a, b));
    if (a === b || this.machine(a).multi === null || this.machine(b).multi === null || this.#links.has(pair(a, b)))
      return;
    this.#links.set(pair(a, b), ++this.#linkNumber);
    for (const [id, peer] of [
      [a, b],
      [b, a],
    ] as const)
      this.#onLink(id, peer, 1, (multi) => multi.connected(peer, this.now));
  }

  /** Messages one way are lost, and nobody sees it. */
  block(from: NodeId, to: NodeId): void {
    this.#blocked.add(`${from}>${to}`);
  }

  /** Nothing gets to or from a node, and nobody sees it. */
  isolate(id: NodeId): void {
    for (const other of this.ids) {
      this.block(id, other);
      this.block(other, id);
    }
  }

  /** All links and disks work again. */
  heal(): void {
    this.#blocked.clear();
    this.#severed.clear();
    Object.assign(this.weather, { lose: 0, double: 0, latency_ms: 1 });
    for (const id of this.ids) {
      this.setDisk(id, 1);
      this.resume(id);
    }
    for (const a of this.ids) for (const b of this.ids) this.join(a, b);
  }

  /** Time that a node's disk takes for a write; Infinity: it hangs. What is being written is done then, too. */
  setDisk(id: NodeId, ms: number): void {
    this.machine(id).setDisk(ms, this.now);
  }

  propose(id: NodeId, text: string, group = GROUP): number | string {
    const result = this.group(id, group).propose([word(text)], this.now);
    this.#turn(this.machine(id));
    return result;
  }

  read(id: NodeId, group = GROUP): Asked {
    const machine = this.machine(id);
    const asked: Asked = { at: id, floor: this.checks.committed(group), result: null };
    machine.asked.push(asked);
    this.group(id, group).read(machine.asked.length, machine.multi?.nextRound ?? 0, this.now);
    this.#turn(machine);
    return asked;
  }

  transfer(id: NodeId, to: NodeId, group = GROUP): boolean {
    const begun = this.group(id, group).transfer(to, this.now);
    this.#turn(this.machine(id));
    return begun;
  }

  /** Lets time pass. */
  pass(ms: number): this {
    const end = this.now + ms;
    while (this.#step(end));
    this.now = end;
    return this;
  }

  /** Lets time pass until something holds. @throws Broken when it does not within `limit_ms`. Returns how long it took, ms. */
  until(condition: () => boolean, limit_ms = 20_000): number {
    const begin = this.now;
    while (!condition())
      if (!this.#step(begin + limit_ms))
        throw new Broken(`within ${limit_ms} ms it did not come to: ${condition}\n${this.trace.slice(-30).join('\n')}`);
    return this.now - begin;
  }

  // --- what it sees ---

  machine(id: NodeId): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }

  isUp(id: NodeId): boolean {
    return this.machine(id).multi !== null;
  }

  group(id: NodeId, group = GROUP): RaftGroup {
    const found = this.machine(id).multi?.groups.get(group);
    if (found === undefined) throw new Error(`${id} is not up`);
    return found;
  }

  /** Those that are up. */
  get up(): NodeId[] {
    return this.ids.filter((id) => this.isUp(id));
  }

  /** Who leads in the highest term, or ''. */
  leader(group = GROUP): NodeId {
    const leaders = this.up.filter((id) => this.group(id, group).leads);
    return leaders.sort((a, b) => this.group(b, group).term - this.group(a, group).term)[0] ?? '';
  }

  /** Who is up and does not lead. */
  followers(group = GROUP): NodeId[] {
    return this.up.filter((id) => id !== this.leader(group));
  }

  /** Everyone who is up has committed and applied all that anyone has, is whole, and knows the leader. */
  agrees(group = GROUP): boolean {
    const leader = this.leader(group);
    return (
      leader !== '' &&
      this.up.every((id) => {
        const { leader: known, commit, last, repairing } = this.group(id, group).view();
        const applied = this.machine(id).state(group).length;
        return (
          !repairing &&
          applied === commit &&
          known === leader &&
          commit === last &&
          last === this.group(leader, group).log.last
        );
      })
    );
  }

  /** An integer of 0 to `below` - 1. */
  pick(below: number): number {
    return this.random.uint32() % below;
  }

  // --- how it works ---

  // The next thing that is due: an event, a disk that is done, a timer.
  #step(end: number): boolean {
    let event: Event | null = null;
    for (const one of this.#events) if (event === null || one.due < event.due) event = one;
    let due = event?.due ?? Number.POSITIVE_INFINITY;
    let machine: Machine | null = null;
    for (const one of this.#machines.values()) {
      if (one.due >= due) continue;
      due = one.due;
      machine = one;
    }
    if (due > end) return false;
    this.now = Math.max(this.now, due);
    if (machine !== null) {
      if (machine.savedAt <= this.now) machine.saved(this.now);
      else machine.multi?.tick(this.now);
      this.#turn(machine);
    } else if (event !== null) {
      this.#events = this.#events.filter((one) => one !== event);
      event.run();
    }
    return true;
  }

  #turn(machine: Machine): void {
    const { multi } = machine;
    if (multi === null) return;
    multi.beat(this.now);
    for (const raft of multi.groups.values()) {
      const out = raft.take();
      if (out.changed)
        this.#note(`${machine.id} ${raft.id} ${raft.view().role} ${raft.term} of ${raft.leader} ${out.reason}`);
      for (const { to, message } of out.messages) this.#send(machine, to, message);
      for (const run of out.loads) this.#load(machine, raft, run);
      for (const peer of out.snapshots) this.#sendSnapshot(machine, raft, peer);
      if (out.repaired) this.#repaired(machine, raft);
      for (const result of out.reads) this.#answered(machine, result);
      machine.apply(raft);
    }
    for (const { to, message } of multi.take()) this.#send(machine, to, message);
    machine.pump(this.now);
    this.checks.after(machine);
    if (multi.groups.get(GROUP) !== undefined && this.group(machine.id).timeAt(this.now) > this.now)
      throw new Broken('cluster time is early');
  }

  #load(machine: Machine, raft: RaftGroup, run: Run): void {
    const place = run.place as Buffer;
    this.#after(1, () => {
      if (machine.multi?.groups.get(raft.id) === raft)
        this.#happen(machine.id, () => raft.loaded(run, place, this.now));
    });
  }

  // A leader's shell: offers its newest checkpoint, sends the rows, waits for an answer.
  #sendSnapshot(machine: Machine, raft: RaftGroup, to: NodeId): void {
    const { base } = machine.diskOf(raft.id);
    if (base === null) throw new Broken(`${machine.id} has no checkpoint for ${to}`);
    this.snapshots++;
    this.#note(`${machine.id} sends ${to} a snapshot as of ${base.index}`);
    const leaderTerm = raft.term;
    const offer_ms = 1 + this.pick(this.weather.latency_ms);
    this.#onLink(to, machine.id, offer_ms, (multi) => {
      if (multi.groups.get(raft.id)?.heartbeat(machine.id, leaderTerm, 0, 0, this.now) === null)
        this.machine(to).suspend(raft.id);
    });
    this.#onLink(
      to,
      machine.id,
      offer_ms + Math.min(2 * this.machine(to).disk_ms, SNAPSHOT_MS_MAX) + this.pick(20),
      () => this.#takeSnapshot(this.machine(to), raft.id, machine.id, base, leaderTerm),
    );
    this.#after(SNAPSHOT_MS_MAX, () => {
      if (machine.multi?.groups.get(raft.id) === raft)
        this.#happen(machine.id, () => raft.snapshotFailed(to, this.now));
    });
  }

  // A follower's shell: the rows are durable. They may count and the process die before it has done anything else.
  #takeSnapshot(machine: Machine, group: string, from: NodeId, base: Base, leaderTerm: number): void {
    const raft = this.group(machine.id, group);
    const taken = machine.install(raft, base, leaderTerm, this.now);
    this.#note(`${machine.id} ${taken ? 'takes' : 'leaves'} the snapshot of ${from} as of ${base.index}`);
    if (taken) this.installed++;
    if (taken && this.pick(8) === 0) {
      this.#after(0, () => this.crash(machine.id));
      return;
    }
    if (raft.commit < base.index) return;
    this.#onLink(from, machine.id, 1 + this.pick(this.weather.latency_ms), (multi) =>
      multi.groups.get(group)?.snapshotSent(machine.id, base.index, this.now),
    );
  }

  // A damaged replica asks all others for their terms until each has answered, over the links of this life.
  #askTerms(machine: Machine, raft: RaftGroup): void {
    const terms = new Map<NodeId, number>();
    const others = this.ids.filter((id) => id !== machine.id);
    const ask = () => {
      if (machine.multi?.groups.get(raft.id) !== raft || terms.size === others.length) return;
      for (const id of others)
        this.#onLink(id, machine.id, 1 + this.pick(this.weather.latency_ms), (multi) => {
          const term = multi.groups.get(raft.id)?.term ?? 0;
          this.#onLink(machine.id, id, 1 + this.pick(this.weather.latency_ms), () => {
            if (machine.multi?.groups.get(raft.id) !== raft || terms.size === others.length) return;
            terms.set(id, Math.max(term, terms.get(id) ?? 0));
            if (terms.size === others.length) raft.repairTerm(Math.max(...terms.values()), this.now);
          });
        });
      this.#after(ASK_MS, ask);
    };
    ask();
  }

  // It is written down; the process may die before it knows.
  #repaired(machine: Machine, raft: RaftGroup): void {
    this.#after(1 + this.pick(5), () => {
      if (machine.multi?.groups.get(raft.id) !== raft) return;
      machine.diskOf(raft.id).repaired();
      this.checks.repaired(machine, raft);
      this.repairs++;
      this.#note(`${machine.id} is repaired`);
      if (this.pick(8) === 0) this.crash(machine.id);
      else this.#happen(machine.id, () => raft.repairDone());
    });
  }

  #send(machine: Machine, to: NodeId, message: PeerMessage): void {
    this.checks.leaving(machine, to, message);
    const times = this.pick(100) < this.weather.double ? 2 : 1;
    for (let i = 0; i < times; i++) {
      if (this.#blocked.has(`${machine.id}>${to}`) || this.pick(100) < this.weather.lose) continue;
      const ms = 1 + this.pick(this.weather.latency_ms);
      this.#onLink(to, machine.id, ms, (multi) => multi.receive(machine.id, message, this.now));
    }
  }

  // Something that comes to `id` over its link to `peer`, if that is still the same when it arrives.
  #onLink(id: NodeId, peer: NodeId, ms: number, arrive: (multi: MultiRaft) => void): void {
    const link = this.#links.get(pair(id, peer));
    if (link === undefined) return;
    this.#after(ms, () => {
      if (this.#links.get(pair(id, peer)) === link) this.#happen(id, arrive);
    });
  }

  #unlink(a: NodeId, b: NodeId): void {
    if (!this.#links.delete(pair(a, b))) return;
    // What was coming over it comes no more.
    for (const id of [a, b])
      for (const group of this.machine(id).multi?.groups.keys() ?? []) this.machine(id).resume(group);
    this.#happen(a, (multi) => multi.disconnected(b, this.now));
    this.#happen(b, (multi) => multi.disconnected(a, this.now));
  }

  // Something happens to a node, now or when it runs again; never to its next life.
  #happen(id: NodeId, what: (multi: MultiRaft) => void): void {
    const machine = this.machine(id);
    const { multi } = machine;
    if (multi === null) return;
    const happen = () => {
      if (machine.multi !== multi) return;
      what(multi);
      this.#turn(machine);
    };
    if (machine.waiting === null) happen();
    else machine.waiting.push(happen);
  }

  #answered(machine: Machine, result: ReadResult): void {
    const asked = machine.asked[result.context - 1];
    if (asked === undefined || asked.result !== null)
      throw new Broken(`an answer to read ${result.context} that nobody waits for`);
    asked.result = result;
    if (!result.refused) this.reads++;
    if (!result.refused && result.index < asked.floor)
      throw new Broken(`a stale read at ${asked.at}: index ${result.index}, but ${asked.floor} was committed before`);
  }

  #after(ms: number, run: () => void): void {
    this.#events.push({ due: this.now + ms, run });
  }

  #note(line: string): void {
    this.trace.push(`[${this.now.toFixed(1)}] ${line}`);
  }
}

function pair(a: NodeId, b: NodeId): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
