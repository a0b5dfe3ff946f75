/** Where a lane sends its commands: to the group's leader, after a pause when it was refused, and by asking round when none is known. */
import type { Random } from '../env.js';
import type { ErrorCode, ErrorDetails } from '../errors.js';
import { type Alarms, Reminder } from './alarms.js';
import { Backoff } from './backoff.js';
import type { Call } from './call.js';
import type { Link } from './link.js';
import type { Links } from './links.js';

/** Pauses before commands that were refused are sent again, ms. News of a leader ends a pause at once. */
const PAUSE_FIRST_MS = 25;
const PAUSE_LAST_MS = 1000;

/** What stands in the way of a command that was never sent. */
export interface Obstacle {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** The way of one lane. */
export class Route {
  readonly #group: string;
  readonly #links: Links;
  readonly #alarms: Alarms;
  readonly #follow: boolean;
  readonly #backoff: Backoff;
  readonly #reminder: Reminder;
  #leader: Link | undefined;
  #epoch = 0;
  #refusals = 0;
  /** The pause has run out and still no leader is known: any node may be asked, each in its turn. */
  #askRound = false;
  #asked: Link | undefined;

  /** `ready` is called at the end of each pause. */
  constructor(
    group: string,
    env: { links: Links; alarms: Alarms; random: Random; follow: boolean },
    ready: () => void,
  ) {
    this.#group = group;
    this.#links = env.links;
    this.#alarms = env.alarms;
    this.#follow = env.follow;
    this.#backoff = new Backoff(env.random, PAUSE_FIRST_MS, PAUSE_LAST_MS);
    this.#reminder = new Reminder(() => {
      this.#askRound = true;
      ready();
    });
  }

  /** The link on which commands are pipelined. */
  get leader(): Link | undefined {
    return this.#leader;
  }

  /** True during a pause. */
  get paused(): boolean {
    return this.#reminder.slot >= 0;
  }

  /** Looks who leads now. True when commands sent before should be sent again; a pause is over then. */
  refresh(): boolean {
    const leader = this.#links.leader(this.#group);
    const epoch = this.#links.epoch(this.#group);
    const moved = leader !== undefined && (leader !== this.#leader || epoch !== this.#epoch);
    this.#leader = leader;
    if (!moved) return false;
    this.#epoch = epoch;
    this.#alarms.clear(this.#reminder);
    return true;
  }

  /** The link for `call`, or undefined when there is none at the moment. */
  choose(call: Call): Link | undefined {
    if (!call.own) {
      const named = call.node !== '' ? this.#links.get(call.node) : this.#follow ? undefined : this.#links.nearest();
      if (named !== undefined || !this.#follow) return named;
    }
    if (this.#leader !== undefined || !this.#askRound) return this.#leader;
    this.#askRound = false;
    this.#asked = this.#links.after(this.#asked);
    return this.#asked;
  }

  /** A command was answered: whoever sent it knows the way. */
  passed(link: Link, term: number): void {
    this.#refusals = 0;
    this.#backoff.reset();
    if (link !== this.#leader) this.#links.leads(this.#group, term, link);
  }

  /** The first refusal after a success is followed up at once, the next ones after a pause. Nothing during a pause. */
  again(): void {
    if (this.paused) return;
    if (this.#refusals++ > 0) this.pause();
    else this.#alarms.set(this.#reminder, 0);
  }

  /** Nothing is sent for a while. Nothing during a pause. */
  pause(): void {
    if (!this.paused) this.#alarms.set(this.#reminder, this.#backoff.next());
  }

  /** Ends a pause without a word. */
  stop(): void {
    this.#alarms.clear(this.#reminder);
  }
}

/** Why nothing can be sent to the leader of `group`, or undefined when something can. */
export function obstacleTo(links: Links, group: string): Obstacle | undefined {
  if (links.nearest() === undefined)
    return { code: 'UNREACHABLE', message: 'no node of the cluster could be reached', details: {} };
  const leader = links.leaderOf(group);
  const details = { group, leader };
  if (leader === '') return { code: 'NO_LEADER', message: `${group} has no leader`, details };
  if (links.get(leader) === undefined)
    return { code: 'UNREACHABLE', message: `${leader}, the leader of ${group}, could not be reached`, details };
  return undefined;
}
