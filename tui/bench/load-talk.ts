/** What a bench and its load process say to each other over the channel between them. */
import type { SpokenError } from '../cluster/talk.js';
import type { LoadFigures } from './figures.js';
import type { LoadKind } from './workload.js';

/** What to measure: the first thing that the load process is told. */
export interface LoadOrder {
  readonly kind: LoadKind;
  /** Addresses of the nodes. */
  readonly nodes: readonly string[];
  /** Time allowed for a command. */
  readonly timeout_ms: number;
  /** Processes of the nodes on this machine, by node. */
  readonly pids: Readonly<Record<string, number>>;
  /** Commands under way at once; measured one after the other. */
  readonly depths: readonly number[];
  readonly clients: number;
  readonly size: number;
  /** Locks shared by all; 0: none is. */
  readonly names: number;
  readonly seconds: number;
  /** What a sync takes at least; null for the disk as it is. */
  readonly slow_disk_ms: number | null;
  /** Leave the cluster as it was found: it is somebody's. */
  readonly tidy: boolean;
}

/** What the load process is told. It also ends when the channel closes. */
export type ToLoad =
  | { readonly type: 'begin'; readonly order: LoadOrder }
  /** End early, with what there is. */
  | { readonly type: 'stop' };

/** What the load process tells; after `done` or `failed` it ends. */
export type FromLoad =
  | { readonly type: 'begun'; readonly depth: number }
  | { readonly type: 'measured'; readonly figures: LoadFigures }
  | { readonly type: 'failed'; readonly error: SpokenError }
  | { readonly type: 'done' };
