/** The state of this node as others may watch it: whole on request, as deltas to whoever subscribed. Pushed, never polled. */
import type { GroupState, NodeState, NodeStateDelta } from '../../protocol/client/types.js';
import type { Connection } from '../../protocol/connection.js';

/** The shortest interval between two pushes to one subscriber, ms. */
export const PUSH_MS_MIN = 100;

interface Subscriber {
  readonly interval_ms: number;
  sequence: number;
  sentAt: number;
  /** What it was sent last, by top-level key and by group, as text to compare with. */
  readonly sent: Map<string, string>;
}

/** Keys that move with the clock alone: they ride along, but are no news by themselves. */
const CLOCKS = new Set(['started_ms', 'since_ms']);

export class StatusFeed {
  readonly #snapshot: () => NodeState;
  readonly #subscribers = new Map<Connection, Subscriber>();
  #news = false;

  constructor(snapshot: () => NodeState) {
    this.#snapshot = snapshot;
  }

  /** Begins, changes or (0) ends a subscription; the first push holds everything. */
  subscribe(connection: Connection, interval_ms: number): void {
    if (interval_ms === 0) this.#subscribers.delete(connection);
    else
      this.#subscribers.set(connection, {
        interval_ms: Math.max(PUSH_MS_MIN, interval_ms),
        sequence: 0,
        sentAt: Number.NEGATIVE_INFINITY,
        sent: new Map(),
      });
    this.#news = true;
  }

  unsubscribe(connection: Connection): void {
    this.#subscribers.delete(connection);
  }

  /** Something that the state shows may have changed. */
  touch(): void {
    this.#news = true;
  }

  /** Sends what is due. Called at the end of each turn. */
  turn(now: number): void {
    if (!this.#news) return;
    let state: NodeState | null = null;
    let waiting = false;
    for (const [connection, subscriber] of this.#subscribers) {
      if (now - subscriber.sentAt < subscriber.interval_ms) {
        waiting = true;
        continue;
      }
      state ??= this.#snapshot();
      const delta = differences(state, subscriber.sent);
      if (Object.keys(delta).length === 0) continue;
      const whole = subscriber.sequence === 0;
      subscriber.sentAt = now;
      connection.send({ kind: 'status', sequence: ++subscriber.sequence, whole, state: delta });
    }
    this.#news = waiting;
  }

  /** Monotonic time at which a push is due. */
  deadline(): number {
    if (!this.#news) return Number.POSITIVE_INFINITY;
    let deadline = Number.POSITIVE_INFINITY;
    for (const { sentAt, interval_ms } of this.#subscribers.values())
      deadline = Math.min(deadline, sentAt + interval_ms);
    return deadline;
  }
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
