/** The choices of a terminal that last from one command to the next: the node it talks to and the group it shows. */
import { SHARD } from '../../protocol/groups.js';
import { DEFAULT_QUEUE } from '../../protocol/operations.js';

/** Leaves a choice to the program. */
export const AUTO = 'auto';

/** The group in which the queue or key `name` lives. While there is one shard, all live there. */
export function groupOf(_name: string): string {
  return SHARD;
}

/** The view of one terminal. */
export class View {
  /** The node to talk to, or AUTO. */
  use = AUTO;
  /** The group to show, or AUTO. */
  focus = AUTO;
  readonly #listeners = new Set<() => void>();

  /** The group that is shown. */
  get group(): string {
    return this.focus === AUTO ? groupOf(DEFAULT_QUEUE) : this.focus;
  }

  /** Makes choices and tells whoever looks. */
  choose(choice: { readonly use?: string; readonly focus?: string }): void {
    this.use = choice.use ?? this.use;
    this.focus = choice.focus ?? this.focus;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each choice. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
