/**
 * What befalls the links to the other members on order: a gate in front of each, through which messages pass at once, late or never.
 * Connections stay as they are: nobody is told, as when a cable is cut. A node without fault doors has no gates.
 */
import type { Random, Scheduler, Timer } from '../../protocol/env.js';
import type { Message } from '../../protocol/messages.js';

/** Messages of one link on their way. What comes on top is lost, as in a router that is full. */
export const WAITING_MAX = 65_536;

/** What befalls one link. */
export interface LinkFaults {
  /** What this node sends to the peer is dropped. */
  readonly deaf: boolean;
  /** What the peer sends to this node is dropped. */
  readonly mute: boolean;
  /** What this node sends leaves so much later, in order, ms. */
  readonly delay_ms: number;
  /** Of what this node sends, so much is lost, 0 to 100. */
  readonly loss_percent: number;
}

const WHOLE: LinkFaults = { deaf: false, mute: false, delay_ms: 0, loss_percent: 0 };

interface Waiting {
  readonly at: number;
  readonly send: () => void;
}

interface Link {
  faults: LinkFaults;
  /** On its way, oldest first. */
  waiting: Waiting[];
  timer: Timer | null;
}

/** The gates of a node, one for each other member. */
export class Gates {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #links = new Map<string, Link>();

  constructor(scheduler: Scheduler, random: Random, peers: readonly string[]) {
    this.#scheduler = scheduler;
    this.#random = random;
    for (const peer of peers) this.#links.set(peer, { faults: WHOLE, waiting: [], timer: null });
  }

  /** The other members. */
  peers(): string[] {
    return [...this.#links.keys()];
  }

  /** What befalls the link to `peer`. */
  of(peer: string): LinkFaults {
    return this.#links.get(peer)?.faults ?? WHOLE;
  }

  /** Changes what befalls a link. What is on its way is lost when the link is cut, and arrives when it gets faster. */
  set(peer: string, change: Partial<LinkFaults>): void {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    const before = link.faults;
    link.faults = { ...before, ...change };
    link.timer?.cancel();
    link.timer = null;
    if (link.faults.deaf) link.waiting = [];
    else if (link.faults.delay_ms < before.delay_ms) release(link, Number.POSITIVE_INFINITY);
    this.#arm(link);
  }

  /** Everything gets through again, at full speed. */
  heal(peer: string): void {
    this.set(peer, WHOLE);
  }

  /** Nothing passes in one direction at least: no connection can come up. */
  isCut(peer: string): boolean {
    const { deaf, mute } = this.of(peer);
    return deaf || mute;
  }

  /** What `peer` sends arrives. */
  hears(peer: string): boolean {
    return !this.of(peer).mute;
  }

  /** Lets a message to `peer` through: `send` is called now, later or never. */
  pass(peer: string, message: Message, send: () => void): void {
    const link = this.#links.get(peer);
    if (link === undefined) {
      send();
      return;
    }
    const { deaf, delay_ms, loss_percent } = link.faults;
    if (deaf || (loss_percent > 0 && maybeLost(message) && this.#random.uint32() / 2 ** 32 < loss_percent / 100))
      return;
    if (delay_ms === 0) {
      send();
      return;
    }
    if (link.waiting.length >= WAITING_MAX) return;
    link.waiting.push({ at: this.#scheduler.now() + delay_ms, send });
    this.#arm(link);
  }

  #arm(link: Link): void {
    const [first] = link.waiting;
    if (first === undefined || link.timer !== null) return;
    link.timer = this.#scheduler.after(Math.max(0, first.at - this.#scheduler.now()), () => {
      link.timer = null;
      release(link, this.#scheduler.now());
      this.#arm(link);
    });
  }
}

// An introduction is said once a connection and never again: a lossy cable could not lose it, only break the connection.
function maybeLost(message: Message): boolean {
  return message.kind !== 'introduction';
}

function release(link: Link, now: number): void {
  const count = link.waiting.findIndex(({ at }) => at > now);
  for (const { send } of link.waiting.splice(0, count < 0 ? link.waiting.length : count)) send();
}
