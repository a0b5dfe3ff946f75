/** State of the nodes as they push it: subscriptions on every link, the last known state of each node, and who listens. */
import type { CloseReason } from '../connection.js';
import type { Scheduler } from '../env.js';
import type { MessageOf } from '../messages.js';
import type { Link } from './link.js';
import type { NodeStateDelta, Observation } from './types.js';

/** Listeners of one client. */
const LISTENERS_MAX = 1024;
/** Default of the shortest time between two pushes of a node, ms. */
export const INTERVAL_MS = 100;

interface Listener {
  readonly tell: (news: Observation) => void;
  readonly interval_ms: number;
  /** It has been told what was known before it came. */
  started: boolean;
}

interface Known {
  address: string;
  /** Why it is down; '' while it is up. */
  down: string;
  state: NodeStateDelta | undefined;
}

const ANSWER_IGNORED = { answered() {}, lost() {} };

/** Everybody who watches the cluster through one client. */
export class Observers {
  readonly #scheduler: Scheduler;
  readonly #links: () => readonly Link[];
  readonly #listeners = new Set<Listener>();
  /** By name of the node; bounded as members are. */
  readonly #nodes = new Map<string, Known>();
  /** What the nodes were asked for; 0 when nobody listens. */
  #interval_ms = 0;

  constructor(scheduler: Scheduler, links: () => readonly Link[]) {
    this.#scheduler = scheduler;
    this.#links = links;
  }

  /** Adds a listener, which is first told, a little later, what is known already. Returns the way to stop. */
  add(tell: (news: Observation) => void, interval_ms: number): () => void {
    if (this.#listeners.size >= LISTENERS_MAX) throw new RangeError(`more than ${LISTENERS_MAX} listeners`);
    const listener: Listener = { tell, interval_ms, started: false };
    this.#listeners.add(listener);
    this.#subscribe();
    this.#scheduler.defer(() => this.#start(listener));
    return () => {
      this.#listeners.delete(listener);
      this.#subscribe();
    };
  }

  up(link: Link): void {
    const known = this.#known(link);
    known.down = '';
    if (this.#interval_ms > 0) ask(link, this.#interval_ms);
    this.#tell({ kind: 'up', node: link.node, address: link.address });
  }

  /** A link was lost or could not be made; told once for each time it goes down. */
  down(link: Link, reason: CloseReason): void {
    if (link.node === '') return;
    const known = this.#known(link);
    if (known.down !== '') return;
    known.down = reason.message || 'closed';
    this.#tell({ kind: 'down', node: link.node, address: link.address, reason: known.down });
  }

  status(link: Link, status: MessageOf<'status'>): void {
    const { state, whole } = status;
    if (!isDelta(state)) {
      link.drop('its status is no map');
      return;
    }
    const known = this.#known(link);
    const before = whole ? undefined : known.state;
    known.state = { ...before, ...state };
    if (state.groups !== undefined) known.state = { ...known.state, groups: { ...before?.groups, ...state.groups } };
    this.#tell({ kind: 'status', node: link.node, whole, state });
  }

  clear(): void {
    this.#listeners.clear();
  }

  /** Asks all nodes for the shortest interval that anybody wants, when that has changed. */
  #subscribe(): void {
    let wanted = Number.POSITIVE_INFINITY;
    for (const listener of this.#listeners) wanted = Math.min(wanted, listener.interval_ms);
    if (wanted === Number.POSITIVE_INFINITY) wanted = 0;
    if (wanted === this.#interval_ms) return;
    this.#interval_ms = wanted;
    for (const link of this.#links()) if (link.up) ask(link, wanted);
  }

  #start(listener: Listener): void {
    listener.started = true;
    for (const [node, { address, down, state }] of this.#nodes) {
      if (!this.#listeners.has(listener)) return;
      this.#tellOne(
        listener,
        down === '' ? { kind: 'up', node, address } : { kind: 'down', node, address, reason: down },
      );
      if (state !== undefined) this.#tellOne(listener, { kind: 'status', node, whole: true, state });
    }
  }

  #tell(news: Observation): void {
    for (const listener of this.#listeners) if (listener.started) this.#tellOne(listener, news);
  }

  /** What a listener throws is its own affair: it must not tear the frame apart that is being read. */
  #tellOne(listener: Listener, news: Observation): void {
    try {
      listener.tell(news);
    } catch (error) {
      this.#scheduler.defer(() => {
        throw error;
      });
    }
  }

  #known(link: Link): Known {
    let known = this.#nodes.get(link.node);
    if (known === undefined) {
      known = { address: link.address, down: '', state: undefined };
      this.#nodes.set(link.node, known);
    }
    known.address = link.address;
    return known;
  }
}

function ask(link: Link, interval_ms: number): void {
  link.send({ kind: 'subscribe', correlation: link.expect(ANSWER_IGNORED), interval_ms });
}

/** The node is trusted with the types inside. */
function isDelta(state: unknown): state is NodeStateDelta {
  return typeof state === 'object' && state !== null && !Array.isArray(state) && !Buffer.isBuffer(state);
}
