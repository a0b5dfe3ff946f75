/** The links to every known member, and the ways to choose one: by name, by leadership, or the nearest. */
import type { CloseReason } from '../connection.js';
import type { Env } from '../env.js';
import { LIMITS } from '../limits.js';
import { type MessageOf, PROTOCOL_VERSION } from '../messages.js';
import type { Alarms } from './alarms.js';
import { Leaders } from './leaders.js';
import { Link, type LinkOwner, type News } from './link.js';
import type { Member } from './types.js';

/** Members and seeds that may be connected to: members under two addresses each at worst. */
const LINKS_MAX = 2 * LIMITS.members_max;

/** What the links tell the client. */
export interface LinksOwner {
  linkUp(link: Link): void;
  /** A link that was up is lost, or (`wasUp` false) an attempt failed. */
  linkDown(link: Link, wasUp: boolean, reason: CloseReason): void;
  /** `leaders` has been taken in already. */
  linkNews(link: Link, news: News): void;
  /** A leader or a link changed: whatever waits for a way may have one. */
  routesChanged(): void;
}

/** All links of a client. */
export class Links implements LinkOwner {
  readonly #env: Env;
  readonly #alarms: Alarms;
  readonly #owner: LinksOwner;
  /** The name given, or that of the first node that welcomed us: never two clusters at once. */
  #cluster: string;
  readonly #clientId: string;
  readonly #leaders = new Leaders();
  /** In order of preference: the addresses given, then members as they became known. */
  readonly #links: Link[] = [];
  readonly #members = new Map<string, string>();
  #closed = false;

  constructor(env: Env, alarms: Alarms, owner: LinksOwner, options: { cluster: string; clientId: string }) {
    this.#env = env;
    this.#alarms = alarms;
    this.#owner = owner;
    this.#cluster = options.cluster;
    this.#clientId = options.clientId;
  }

  /** Starts to connect to the addresses given by the user. */
  start(addresses: readonly string[]): void {
    for (const address of new Set(addresses)) this.#add(address, { node: '', seed: true });
  }

  get all(): readonly Link[] {
    return this.#links;
  }

  get members(): readonly Member[] {
    return [...this.#members].map(([id, address]) => ({ id, address, connected: this.get(id) !== undefined }));
  }

  knows(node: string): boolean {
    return this.#members.has(node);
  }

  /** The link to that node when it is up. */
  get(node: string): Link | undefined {
    return this.#links.find((link) => link.up && link.node === node);
  }

  /** The link to the leader of `group` when it is known and up. */
  leader(group: string): Link | undefined {
    const node = this.#leaders.of(group);
    return node === '' ? undefined : this.get(node);
  }

  /** The name of the leader of `group`, or ''. */
  leaderOf(group: string): string {
    return this.#leaders.of(group);
  }

  /** Changes when commands sent to the leader of `group` before should be sent again. */
  epoch(group: string): number {
    return this.#leaders.epoch(group);
  }

  /** The first link that is up, in order of preference. */
  nearest(): Link | undefined {
    return this.#links.find((link) => link.up);
  }

  /** The next link that is up after `link`, going round; the same one when there is no other. */
  after(link: Link | undefined): Link | undefined {
    const start = link === undefined ? 0 : this.#links.indexOf(link) + 1;
    for (let i = 0; i < this.#links.length; i++) {
      const next = this.#links[(start + i) % this.#links.length];
      if (next?.up) return next;
    }
    return undefined;
  }

  /** `link` answered a command as the leader does. */
  leads(group: string, term: number, link: Link): void {
    if (this.#leaders.learn(group, term, link.node, link.node)) this.#owner.routesChanged();
  }

  /** `link` refused to be the leader of `group`; `details` may name another: {leader, address}. */
  refused(group: string, link: Link, details: unknown): void {
    const { leader, address } = leaderIn(details);
    if (leader !== '' && address !== '' && !this.#members.has(leader)) this.#addMember(leader, address);
    this.#leaders.refused(group, link.node, leader);
  }

  /** Closes every link for good, after what is queued has been sent. */
  stop(): void {
    this.#closed = true;
    for (const link of [...this.#links]) link.stop();
  }

  hello(): MessageOf<'hello'> {
    return {
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      cluster: this.#cluster,
      role: 'client',
      id: this.#clientId,
      incarnation: '',
      born: false,
      address: '',
      features: [],
      auth: Buffer.alloc(0),
      recorded: '',
    };
  }

  linkUp(link: Link, welcome: MessageOf<'welcome'>): boolean {
    const twin = this.#links.find((other) => other !== link && other.up && other.node === link.node);
    if (twin !== undefined) {
      this.#links.splice(this.#links.indexOf(link), 1);
      return false;
    }
    this.#cluster ||= welcome.cluster;
    if (!this.#members.has(welcome.id)) this.#addMember(welcome.id, welcome.address || link.address);
    this.#owner.linkUp(link);
    this.#owner.routesChanged();
    return true;
  }

  linkDown(link: Link, wasUp: boolean, reason: CloseReason): void {
    if (this.#closed || !this.#links.includes(link)) return;
    this.#owner.linkDown(link, wasUp, reason);
    if (wasUp) this.#owner.routesChanged();
  }

  linkNews(link: Link, news: News): void {
    let changed = false;
    if (news.kind === 'leaders') {
      for (const [id, address] of news.members) this.#addMember(id, address);
      for (const [group, term, leader] of news.groups) {
        if (!this.#leaders.learn(group, term, leader, link.node)) continue;
        changed = true;
        // It has just been seen at work: no reason to wait before the next attempt to connect.
        if (leader !== '') this.#links.find((known) => known.node === leader)?.connect();
      }
    }
    this.#owner.linkNews(link, news);
    if (changed) this.#owner.routesChanged();
  }

  #addMember(id: string, address: string): void {
    if (!this.#members.has(id) && this.#members.size >= LIMITS.members_max) return;
    this.#members.set(id, address);
    const link =
      this.#links.find((known) => known.node === id) ?? this.#links.find((known) => known.address === address);
    if (link === undefined) this.#add(address, { node: id, seed: false });
    else if (link.node === '') link.node = id;
    else if (link.node === id && !link.seed) link.move(address);
  }

  #add(address: string, options: { node: string; seed: boolean }): void {
    if (this.#closed || this.#links.length >= LINKS_MAX) return;
    const link = new Link(this.#env, this.#alarms, this, address, options);
    this.#links.push(link);
    link.connect();
  }
}

function leaderIn(details: unknown): { leader: string; address: string } {
  const { leader, address } = (typeof details === 'object' && details !== null ? details : {}) as Record<
    string,
    unknown
  >;
  return {
    leader: typeof leader === 'string' && leader.length <= LIMITS.id_length_max ? leader : '',
    address: typeof address === 'string' && address.length <= LIMITS.address_length_max ? address : '',
  };
}
