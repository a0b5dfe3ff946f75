/** Where to go with a request: which nodes there are, who leads which group, and how a node refuses what another one has to do. */
import { ConcordError } from '../protocol/errors.js';
import type { Message } from '../protocol/messages.js';
import type { Groups } from './groups.js';
import type { Door } from './network/door.js';
import type { Replica } from './replica.js';

/** What one node knows of it. */
export class Directions {
  readonly #self: string;
  readonly #members: readonly string[];
  readonly #groups: Groups;
  readonly #door: Door;

  constructor(self: string, members: readonly string[], groups: Groups, door: Door) {
    this.#self = self;
    this.#members = members;
    this.#groups = groups;
    this.#door = door;
  }

  /** For clients: pushed to each that comes, and whenever it changes. */
  leaders(): Message {
    const members = this.#members.map((id): [string, string] => [id, this.#addressOf(id)]);
    const groups = [...this.#groups.multi.groups.values()].map(({ id, term, leader }): [string, number, string] => [
      id,
      term,
      leader,
    ]);
    return { kind: 'leaders', members, groups };
  }

  /** Why this node does not run a command of that group. */
  notLeader(replica: Replica): ConcordError {
    const group = replica.raft.id;
    const { leader } = replica.raft;
    if (leader === '' || leader === this.#self)
      return new ConcordError('NO_LEADER', `${group} has no leader that ${this.#self} knows of`);
    const address = this.#addressOf(leader);
    return new ConcordError('NOT_LEADER', `${leader} at ${address} leads ${group}`, { details: { leader, address } });
  }

  #addressOf(id: string): string {
    return id === this.#self ? this.#door.address : this.#door.peers.addressOf(id);
  }
}
