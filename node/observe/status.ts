/** The state of this node as others may watch it: whole on request, as deltas to whoever subscribed. Pushed, never polled. */
import type { GroupState, NodeState, NodeStateDelta } from '../../protocol/client/types.js';
import type { Message } from '../../protocol/messages.js';

/** The shortest interval between two pushes to one subscriber, ms. */
export const PUSH_MS_MIN = 100;

/** Where pushes go: a connection. */
export interface Watcher {
  send(message: Message): unknown;
}

interface Subscriber {
  readonly interval_ms: number;
  sequence: number;
  sentAt: number;
  /** Something may have changed since it was looked at. */
  behind: boolean;
  /** What it was sent last, by top-level key and by group, as text to compare with. */
  readonly sent: Map<string, string>;
}

/** Keys that move with the clock alone: they ride along in a group that has news, but are no news by themselves. */
const CLOCKS = new Set(['started_ms', 'since_ms']);

export class StatusFeed {
  readonly #snapshot: () => NodeState;
  readonly #subscribers = new Map<Watcher, Subscriber>();

  constructor(snapshot: () => NodeState) {
    this.#snapshot = snapshot;
  }

  /** Begins, changes or (0) ends a subscription; the first push holds everything. */
  subscribe(watcher: Watcher, interval_ms: number): void {
    if (interval_ms === 0) this.#subscribers.delete(watcher);
    else
      this.#subscribers.set(watcher, {
        interval_ms: Math.max(PUSH_MS_MIN, interval_ms),
        sequence: 0,
        sentAt: Number.NEGATIVE_INFINITY,
        behind: true,
        sent: new Map(),
      });
  }

  unsubscribe(watcher: Watcher): void {
    this.#subscribers.delete(watcher);
  }

  /** Something that the state shows may have changed. */
  touch(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.behind = true;
  }

  /** Sends what is due. Called at the end of each turn. */
  turn(now: number): void {
    let state: NodeState | null = null;
    for (const [watcher, subscriber] of this.#subscribers) {
      if (!subscriber.behind || now < dueAt(subscriber)) continue;
      subscriber.behind = false;
      state ??= this.#snapshot();
      const delta = differences(state, subscriber.sent);
      if (Object.keys(delta).length === 0) continue;
      const whole = subscriber.sequence === 0;
      subscriber.sentAt = now;
      watcher.send({ kind: 'status', sequence: ++subscriber.sequence, whole, state: delta });
    }
  }

  /** Monotonic time at which a push is due. */
  deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const subscriber of this.#subscribers.values())
      if (subscriber.behind) deadline = Math.min(deadline, dueAt(subscriber));
    return deadline;
  }
}

function dueAt({ sentAt, interval_ms }: Subscriber): number {
  return sentAt + interval_ms;
}

function differences(state: NodeState, sent: Map<string, string>): NodeStateDelta {
  const delta: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(state))
    if (key !== 'groups' && isNews(sent, key, value)) delta[key] = value;
  const groups: Record<string, GroupState> = {};
  for (const [id, group] of Object.entries(state.groups)) if (isNews(sent, `groups.${id}`, group)) groups[id] = group;
  if (Object.keys(groups).length > 0) delta['groups'] = groups;
  return delta;
}

function isNews(sent: Map<string, string>, key: string, value: unknown): boolean {
  if (CLOCKS.has(key) && sent.has(key)) return false;
  const text = JSON.stringify(value, (name, held) => (CLOCKS.has(name) ? undefined : held)) ?? '';
  if (sent.get(key) === text) return false;
  sent.set(key, text);
  return true;
}
