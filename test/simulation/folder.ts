/** Names in a simulated folder: they last only once the folder is synced, and become durable in the order of their changes. */
import type { Random } from '../../protocol/env.js';
import type { Fate, Inode } from './inode.js';

/** What a name stands for. */
export type Named = Inode | Folder;

/** Names that change as one: a rename changes two. null removes. */
export type Change = readonly (readonly [name: string, now: Named | null])[];

export class Folder {
  /** As a process sees it. */
  readonly names = new Map<string, Named>();
  private readonly durable = new Map<string, Named>();
  private pending: Change[] = [];

  change(...names: Change): void {
    this.pending.push(names);
    apply(this.names, names);
  }

  /** What a sync that starts now has to make durable. */
  toSync(): readonly Change[] {
    return [...this.pending];
  }

  /** A sync has succeeded. Changes that another has made durable meanwhile are not made again. */
  synced(covered: readonly Change[]): void {
    for (const names of covered) if (this.pending.includes(names)) apply(this.durable, names);
    this.pending = this.pending.filter((names) => !covered.includes(names));
  }

  /** What has this name is gone, on the medium as well. */
  lose(name: string): void {
    this.names.delete(name);
    this.durable.delete(name);
    this.pending = this.pending.map((change) => change.filter(([other]) => other !== name));
  }

  /** The power goes: some first part of the pending changes is there afterwards, as in the journal of a file system. */
  crash(random: Random, fate: Fate | undefined): void {
    const all = this.pending.length;
    const kept = fate === 'lost' ? 0 : fate === 'kept' ? all : random.uint32() % (all + 1);
    this.synced(this.pending.slice(0, kept));
    this.pending = [];
    this.names.clear();
    apply(this.names, [...this.durable]);
  }
}

function apply(names: Map<string, Named>, change: Change): void {
  for (const [name, now] of change) {
    if (now === null) names.delete(name);
    else names.set(name, now);
  }
}
