/** Who waits for whom, as text: below each owner stand those that wait for it, one step further in. */
import { escapeHidden } from '../grammar/write.js';

/** A party to a wait: an owner, and the mode in which it holds the lock or asks for it; null for one that only waits, too. */
export interface Party {
  readonly session: number;
  readonly owner: number;
  readonly mode: string | null;
}

/** `waiter` waits for `holder` because of a lock. */
export interface Edge {
  readonly waiter: Party;
  readonly holder: Party;
  readonly lock: string;
}

/** One line for each edge, below a line for each owner that waits for nobody. The same owner is followed only where it stands first. */
export function chainLines(edges: readonly Edge[]): string[] {
  if (edges.length === 0) return ['nobody waits'];
  const waiting = new Map<string, Edge[]>();
  for (const edge of edges) waiting.set(nameOf(edge.holder), [...(waiting.get(nameOf(edge.holder)) ?? []), edge]);
  const waiters = new Set(edges.map(({ waiter }) => nameOf(waiter)));
  const ends = [...waiting.keys()].filter((owner) => !waiters.has(owner));
  const drawing: Drawing = { waiting, drawn: new Set(), lines: [] };
  for (const owner of ends) draw(owner, `${owner} waits for nobody`, 0, drawing);
  // A circle has no end. The cluster leaves none, but an answer that was cut may look like one.
  for (const owner of waiting.keys()) if (!drawing.drawn.has(owner)) draw(owner, owner, 0, drawing);
  return drawing.lines;
}

interface Drawing {
  /** The edges that end at each owner. */
  readonly waiting: ReadonlyMap<string, readonly Edge[]>;
  readonly drawn: Set<string>;
  readonly lines: string[];
}

function draw(owner: string, text: string, depth: number, drawing: Drawing): void {
  const { waiting, drawn, lines } = drawing;
  const edges = waiting.get(owner) ?? [];
  const again = drawn.has(owner) && edges.length > 0;
  lines.push(`${'  '.repeat(depth)}${text}${again ? ', as above' : ''}`);
  if (again) return;
  drawn.add(owner);
  for (const { waiter, holder, lock } of edges) {
    const name = nameOf(waiter);
    const why = holder.mode === null ? `behind ${owner}` : `held by ${owner}${inMode(holder.mode)}`;
    draw(name, `${name} waits for ${escapeHidden(lock)}${inMode(waiter.mode)}, ${why}`, depth + 1, drawing);
  }
}

function nameOf({ session, owner }: Party): string {
  return `${session}/${owner}`;
}

function inMode(mode: string | null): string {
  return mode === null ? '' : ` (${mode})`;
}
