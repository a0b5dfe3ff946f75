/** Stories of first starts: three nodes that meet in any order, are stopped between any two steps, and may lose a folder. */
import { Birth, type Introduction, isComplete } from '../../node/birth.js';
import type { Identity } from '../../node/storage/identity.js';
import type { Random } from '../../protocol/env.js';

/** A message on its way. Those of a process that has died since are dropped. */
interface Letter {
  readonly from: Player;
  readonly to: Player;
  readonly lives: number;
  readonly kind: 'hello' | 'welcome' | 'introduction';
  readonly content: Introduction;
}

/** A node as far as its birth goes: what is on its disk, and what its process knows. */
class Player {
  readonly id: string;
  readonly #members: readonly string[];
  disk: Identity;
  birth: Birth;
  /** Identities on their way to the disk. */
  writing: Identity[] = [];
  lives = 0;
  /** It found out that it must not go on; started again it finds out again. */
  stopped = false;

  constructor(id: string, members: readonly string[], incarnation: string) {
    this.id = id;
    this.#members = members;
    this.disk = { cluster: 'test', node: id, incarnation, born: false, members: {}, repairing: false };
    this.birth = new Birth(this.disk, members);
  }

  start(): void {
    this.lives++;
    this.writing = [];
    this.stopped = false;
    this.birth = new Birth(this.disk, this.#members);
    if (this.birth.begin().verdict === 'remember') this.writing.push(this.birth.identity);
  }

  /** What it says of itself to `to`. */
  says(to: string): Introduction {
    const { cluster, incarnation, born, members } = this.birth.kept;
    return { id: this.id, cluster, incarnation, born, recorded: members[to] ?? '' };
  }
}

/** The world of a story. `mayLose`: one of the nodes loses its folder once, at any time. */
export class Story {
  readonly players: readonly Player[];
  readonly told: string[] = [];
  /** Who lost its folder, or ''. */
  lost = '';
  readonly #random: Random;
  readonly #letters: Letter[] = [];
  /** Incarnations of the first who was born: those of the cluster, for ever. */
  #cluster: { readonly name: string; readonly incarnations: Readonly<Record<string, string>> } | null = null;
  #incarnations = 0;
  #mayLose: boolean;

  constructor(random: Random, mayLose: boolean, ids: readonly string[] = ['n1', 'n2', 'n3']) {
    this.#random = random;
    this.#mayLose = mayLose;
    this.players = ids.map((id) => new Player(id, ids, this.#incarnation()));
    for (const player of this.players) player.start();
  }

  /** Some steps of anything that may happen. */
  play(steps: number): void {
    for (let step = 0; step < steps; step++) this.#step();
  }

  /** Everyone is started and everything arrives, until nothing more comes of it. */
  heal(): void {
    for (const player of this.players) if (player.stopped) this.#crash(player, false);
    for (let round = 0; round < 12; round++) {
      for (const from of this.players) for (const to of this.players) if (from.id < to.id) this.#hello(from, to);
      for (let done = false; !done; ) {
        done = this.#letters.length === 0;
        while (this.#letters.length > 0) this.#deliver(0);
        for (const player of this.players) while (player.writing.length > 0) this.#write(player);
        done &&= this.#letters.length === 0;
      }
    }
  }

  get born(): readonly string[] {
    return this.players.filter((player) => player.birth.kept.born && !player.stopped).map(({ id }) => id);
  }

  /** Who is a member by what is on its disk. */
  get members(): readonly string[] {
    return this.players.filter(({ disk }) => disk.born).map(({ id }) => id);
  }

  /** The name of the cluster that was born, or ''. */
  get cluster(): string {
    return this.#cluster?.name ?? '';
  }

  /** True while every member of the cluster has the folder with which it was born. */
  get whole(): boolean {
    const cluster = this.#cluster;
    return cluster === null || this.players.every(({ id, disk }) => cluster.incarnations[id] === disk.incarnation);
  }

  #step(): void {
    const player = this.#any(this.players);
    switch (this.#random.uint32() % 10) {
      case 0:
      case 1: {
        const other = this.#any(this.players);
        if (player.id < other.id) this.#hello(player, other);
        break;
      }
      case 2:
      case 3:
      case 4:
      case 5:
        if (this.#letters.length > 0) this.#deliver(this.#random.uint32() % this.#letters.length);
        break;
      case 6:
      case 7:
        if (player.writing.length > 0) this.#write(player);
        break;
      case 8:
        if (this.#random.uint32() % 3 === 0) this.#crash(player, this.#random.uint32() % 2 === 0);
        break;
      default:
        if (this.#mayLose && this.#random.uint32() % 6 === 0) this.#lose(player);
    }
  }

  #hello(from: Player, to: Player): void {
    if (!from.stopped && !to.stopped) this.#post(from, to, 'hello');
  }

  #deliver(at: number): void {
    const [letter] = this.#letters.splice(at, 1);
    if (letter === undefined) return;
    const { from, to, kind, content } = letter;
    if (letter.lives !== from.lives + to.lives || from.stopped || to.stopped) return;
    const meeting = to.birth.meet(content);
    this.told.push(`${to.id} hears ${kind} of ${from.id} ${content.cluster}: ${meeting.verdict}`);
    if (meeting.verdict === 'stop') to.stopped = true;
    // Whoever is refused as somebody else and is no member stops.
    if (meeting.verdict === 'refuse' && meeting.error.code === 'UNKNOWN_MEMBER' && !from.birth.kept.born)
      from.stopped = true;
    if (meeting.verdict === 'remember') to.writing.push(to.birth.identity);
    if (meeting.verdict === 'refuse' || meeting.verdict === 'stop') return;
    if (kind === 'hello') this.#post(to, from, 'welcome');
    if (kind !== 'introduction') this.#introduce(to, from);
  }

  #write(player: Player): void {
    const identity = player.writing.shift();
    if (identity === undefined) return;
    player.disk = identity;
    player.birth.keep(identity);
    this.told.push(`${player.id} has kept ${identity.cluster} ${identity.born ? 'born' : ''}`);
    this.#judge(player);
    for (const other of this.players) if (other !== player) this.#introduce(player, other);
  }

  /** The process dies; what was being written may be on the disk or not. */
  #crash(player: Player, written: boolean): void {
    const [next] = player.writing;
    if (written && next !== undefined) player.disk = next;
    this.told.push(`${player.id} dies`);
    player.start();
    this.#judge(player);
  }

  #lose(player: Player): void {
    this.#mayLose = false;
    this.lost = player.id;
    this.told.push(`${player.id} loses its folder`);
    player.disk = {
      cluster: 'test',
      node: player.id,
      incarnation: this.#incarnation(),
      born: false,
      members: {},
      repairing: false,
    };
    player.start();
  }

  #introduce(from: Player, to: Player): void {
    if (isComplete(from.birth.kept)) this.#post(from, to, 'introduction');
  }

  #post(from: Player, to: Player, kind: Letter['kind']): void {
    this.#letters.push({ from, to, lives: from.lives + to.lives, kind, content: from.says(to.id) });
  }

  /** @throws Error when a node is a member of another cluster than the first one was, or with another folder than it had then. */
  #judge(player: Player): void {
    const { born, cluster, members, incarnation } = player.disk;
    if (!born) return;
    const incarnations = { ...members, [player.id]: incarnation };
    this.#cluster ??= { name: cluster, incarnations };
    const told = () => this.told.slice(-40).join('\n');
    if (cluster !== this.#cluster.name)
      throw new Error(`${player.id} is born into ${cluster}, a second cluster:\n${told()}`);
    for (const { id } of this.players)
      if (incarnations[id] !== this.#cluster.incarnations[id])
        throw new Error(`${player.id} takes ${id} for ${incarnations[id]}:\n${told()}`);
  }

  #any<T>(things: readonly T[]): T {
    return things[this.#random.uint32() % things.length] as T;
  }

  #incarnation(): string {
    return `i${++this.#incarnations}`;
  }
}
