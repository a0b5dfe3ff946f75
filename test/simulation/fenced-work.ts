/** What locks are for, in lock seeds: things that their holders read, change and write back with the tokens of their locks. */
import type { Cluster } from '../../protocol/client/types.js';
import { decode, encode } from '../../protocol/codec.js';
import type { Told } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import { Cell } from './guarded.js';
import type { Belief } from './lock-beliefs.js';
import type { LockCalls } from './lock-calls.js';
import { BrokenPromise } from './promise.js';
import type { Dice } from './swarm.js';

/** What is told to whoever comes with an old token. */
export const FENCED: ReadonlySet<string> = new Set(['FENCED']);
/** An update that takes longer is left to itself, ms. */
const UPDATE_MS = 300;
/** Fences that are remembered, to be used when they are old. */
const FENCES_MAX = 8;
/** Locks of which somebody uses the tokens, more than a shard remembers without further ado; so many at a time; time for each, ms. */
const PILE = 1100;
const PILE_AT_ONCE = 50;
const PILE_MS = 6000;

const nothing = { ok: () => {}, refused: () => {}, unknown: () => {} };

export class FencedWork {
  readonly #cluster: SimulatedCluster;
  readonly #dice: Dice;
  readonly #locks: LockCalls;
  readonly #timeout: () => number;
  readonly #cell: Cell;
  /** Tokens with which somebody is at the cell: what one holder does twice at a time, no lock can put in order. */
  readonly #atCell = new Set<number>();
  /** Fences that were used, the last few: they grow old. */
  readonly #fences: string[] = [];
  /** It was turned away from the cell while it held the lock. */
  #wronged: Belief | undefined;

  /** `far_ms`: how long something may be under way to the cell. `timeout` draws what a call allows itself, ms. */
  constructor(cluster: SimulatedCluster, dice: Dice, locks: LockCalls, far_ms: number, timeout: () => number) {
    this.#cluster = cluster;
    this.#dice = dice;
    this.#locks = locks;
    this.#timeout = timeout;
    this.#cell = new Cell(cluster.time, dice, far_ms);
  }

  /** @throws BrokenPromise */
  check(): void {
    if (this.#cell.lost > 0) throw new BrokenPromise(`Fenced: ${this.#cell.lost} updates of the cell are lost`);
    if (this.#wronged !== undefined)
      throw new BrokenPromise(`Fenced: ${this.#wronged.owner} is turned away from the cell and holds its lock`);
  }

  /** A lock was used: somebody may come with its fence once that is old. */
  used(fence: string): void {
    if (this.#fences.push(fence) > FENCES_MAX) this.#fences.shift();
  }

  /** Comes to the queue with a token that may be old by now, or that of a lock of another kind: nothing but reads. */
  async comeLate(client: Cluster): Promise<void> {
    const fence = this.#fences[this.#dice.below(Math.max(1, this.#fences.length))];
    if (fence === undefined) return;
    const timeout_ms = this.#timeout();
    const group = this.#dice.happens(0.5);
    const ask = async (): Promise<Told<unknown>> => {
      const options = { timeout_ms, fence };
      const { value, ...from } = await (group
        ? client.read('queue.size', [], options)
        : client.read('lock.waits', [100], options));
      return { output: value, from };
    };
    const what = `comes late with ${fence}`;
    await this.#locks.calls.call(client, { what, time_ms: timeout_ms, patient: false, fair: FENCED }, ask, nothing);
  }

  /** Uses the tokens of many locks, so that the shard is told below which it may forget them. */
  async pileUp(client: Cluster): Promise<void> {
    const timeout_ms = PILE_MS;
    const { index } = await client.read('lock.list', ['', 0, 1], { timeout_ms }).catch(() => ({ index: 0 }));
    if (index === 0) return;
    for (let done = 0; done < PILE; done += PILE_AT_ONCE) {
      const reads = Array.from({ length: PILE_AT_ONCE }, (_, i) =>
        client.read('queue.size', [], { timeout_ms, fence: `pile${done + i}:${index}` }).then(
          () => true,
          () => false,
        ),
      );
      if ((await Promise.all(reads)).includes(false)) return;
    }
    this.#cluster.count('fences piled up');
  }

  /** Adds one to a number outside of the cluster. What takes too long is not waited for. */
  async updateCell(belief: Belief): Promise<void> {
    const { client, held } = belief;
    if (!('token' in held) || this.#atCell.has(held.token)) return;
    const { token } = held;
    this.#atCell.add(token);
    const process = this.#cluster.processOf(client.clientId);
    const update = this.#cell.addOne(process, token).then((written) => {
      this.#atCell.delete(token);
      this.#cluster.note(`${belief.owner} adds one with token ${token}: ${written}`);
      if (!written && this.#locks.beliefs.isHeld(belief)) this.#wronged ??= belief;
    });
    await Promise.race([update, this.#locks.think(client, UPDATE_MS)]);
    this.check();
  }

  /** Appends the number of messages to the queue: nobody else appends or takes any as long as the lock is held. */
  async updateQueue(belief: Belief): Promise<void> {
    const { client, held } = belief;
    if (!('fence' in held)) return;
    const { fence } = held;
    const timeout_ms = this.#timeout();
    const asking = (what: string) => ({
      what: `${what} with ${fence}`,
      time_ms: timeout_ms,
      patient: false,
      fair: FENCED,
    });
    const record = {
      ...nothing,
      refused: (code: string) => {
        if (code === 'FENCED') this.checkFenced(belief);
      },
    };
    let size = 0;
    const read = async (): Promise<Told<number>> => {
      const { value, ...from } = await client.read('queue.size', [], { timeout_ms, fence });
      size = Number(value);
      return { output: size, from };
    };
    if ((await this.#locks.calls.call(client, asking('size'), read, record)) !== 'ok') return;
    const write = async (): Promise<Told<number>> => {
      const { value, ...from } = await client.command('queue.enqueue', [encode(size)], { timeout_ms, fence });
      return { output: Number(value), from };
    };
    await this.#locks.calls.call(client, asking(`enqueue ${size}`), write, record);
  }

  /** Who is told FENCED must not be the holder. @throws BrokenPromise */
  checkFenced(belief: Belief): void {
    if (this.#locks.beliefs.isHeld(belief))
      throw new BrokenPromise(
        `Fenced: ${belief.owner} is turned away from what ${belief.held.name} guards and holds it`,
      );
  }

  /** Takes the messages out, each of which has to say how many were before it. @throws BrokenPromise */
  async checkQueue(client: Cluster, timeout_ms: number): Promise<void> {
    for (let place = 0; ; place++) {
      const { value } = await client.command('queue.dequeue', [0], { timeout_ms });
      if (value === null) return;
      const body = decode((value as [number, Buffer])[1]);
      if (body !== place) throw new BrokenPromise(`Fenced: the message that says ${body} has place ${place}`);
    }
  }
}
