/** What must hold of every node after every event, and cheap to ask: a replica is looked at only when it has moved. */
import { crc32 } from 'node:zlib';
import type { Node } from '../../node/node.js';
import { eachEntry } from '../../node/raft/run.js';
import type { Replica } from '../../node/replica.js';

/** A promise that the cluster broke. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/** A replica as it was looked at last. */
interface Seen {
  readonly replica: Replica;
  applied: number;
  term: number;
  leads: boolean;
}

export class Judge {
  /** Election Safety: who leads a group in a term. */
  readonly #leaders = new Map<string, string>();
  /** State Machine Safety: by group, a digest of what was applied at each index. */
  readonly #applied = new Map<string, number[]>();
  readonly #seen = new WeakMap<Node, readonly Seen[]>();

  /** Looks at a node that has done something. @throws BrokenPromise, InvariantError */
  look(id: string, node: Node): void {
    let seen = this.#seen.get(node);
    if (seen === undefined) {
      seen = [...node.groups.replicas()].map((replica) => ({ replica, applied: 0, term: 0, leads: false }));
      this.#seen.set(node, seen);
    }
    for (const one of seen) {
      const { term, leads } = one.replica.raft;
      const { applied } = one.replica;
      if (term !== one.term || applied !== one.applied || leads !== one.leads) this.#moved(id, one);
    }
  }

  #moved(id: string, before: Seen): void {
    const { replica } = before;
    const { raft, applied } = replica;
    if (raft.term < before.term)
      throw new BrokenPromise(`${id} ${raft.id}: term went back from ${before.term} to ${raft.term}`);
    if (raft.leads) this.#checkLeader(raft.id, raft.term, id);
    raft.check();
    for (let index = before.applied + 1; index <= applied; index++) this.#checkApplied(id, replica, index);
    before.applied = applied;
    before.term = raft.term;
    before.leads = raft.leads;
  }

  #checkLeader(group: string, term: number, id: string): void {
    const leader = this.#leaders.get(`${group}/${term}`);
    if (leader === undefined) this.#leaders.set(`${group}/${term}`, id);
    else if (leader !== id)
      throw new BrokenPromise(`Election Safety: ${leader} and ${id} lead ${group} in term ${term}`);
  }

  #checkApplied(id: string, { raft }: Replica, index: number): void {
    const run = raft.log.runAt(index);
    if (run?.bytes == null) return;
    let applied = this.#applied.get(raft.id);
    if (applied === undefined) {
      applied = [];
      this.#applied.set(raft.id, applied);
    }
    eachEntry(run.bytes, index, index, (_, entry) => {
      const what = crc32(entry, run.term);
      const before = applied[index];
      if (before === undefined) applied[index] = what;
      else if (before !== what)
        throw new BrokenPromise(`State Machine Safety: ${id} applied something else at ${raft.id}/${index}`);
    });
  }
}
