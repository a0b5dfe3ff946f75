/** What the screen knows: the types of its state, its limits and its beginning. Ages are kept as moments of the screen's clock. */
import type { GroupState, NodeStateDelta, SessionInfo } from '../../protocol/client/types.js';
import type { ProcessState } from '../cluster/types.js';
import { type EditorState, emptyEditor } from '../editor/editor.js';
import type { Question } from './context.js';
import type { Reply } from './reply.js';

/** What may grow, and how far. The oldest goes first. */
export const SCREEN_LIMITS = {
  nodes_max: 64,
  feed_events_max: 500,
  output_entries_max: 500,
  /** Results kept in the output, bytes as `weigh` counts them. The newest is kept whatever its size. */
  output_bytes_max: 16 << 20,
  /** Lines waiting behind the command that runs. More are refused. */
  queued_lines_max: 1000,
  /** Seconds of commit rate kept. */
  rate_samples_max: 16,
} as const;

/** A replica of a group as its node told it last. */
export interface ReplicaView extends GroupState {
  /** When it took its role. */
  readonly since: number;
}

/** What is known of a member. */
export interface NodeView {
  readonly id: string;
  readonly address: string;
  /** This terminal's connection to it. */
  readonly link: 'unknown' | 'up' | 'down';
  /** Since when the link is as it is. */
  readonly linkSince: number;
  /** Why the link is down. */
  readonly reason: string;
  /** When it last told its state; null: never. */
  readonly heard: number | null;
  /** Since when others hold something newer of a group while nothing came from it; null while they do not. */
  readonly overtaken: number | null;
  /** When its process began, as it told. */
  readonly started: number | null;
  /** Everything else that it told last. */
  readonly told: NodeStateDelta;
  readonly groups: Readonly<Record<string, ReplicaView>>;
  /** Its process, where the keeper is ours. */
  readonly process: ProcessView | null;
}

/** The process of a local node. */
export interface ProcessView {
  readonly state: ProcessState;
  readonly pid: number | null;
  readonly reason: string;
  readonly since: number;
}

/** What an event means, for its mark and colour. */
export type EventKind = 'up' | 'down' | 'leader' | 'vote' | 'warn' | 'lost' | 'good' | 'process';

/** One line of the feed. */
export interface FeedEvent {
  readonly id: number;
  readonly wall: number;
  readonly kind: EventKind;
  /** The node it is about, or '' for the cluster. */
  readonly node: string;
  readonly text: string;
}

/** One entry of the output. */
export type OutputEntry =
  | { readonly form: 'note'; readonly id: number; readonly text: string; readonly tone: 'plain' | 'good' | 'warn' }
  /** `asked`: it needs a yes before it is run. */
  | { readonly form: 'queued'; readonly id: number; readonly line: string; readonly asked: boolean }
  | {
      readonly form: 'running';
      readonly id: number;
      readonly line: string;
      readonly since: number;
      readonly givenUp: boolean;
    }
  | {
      readonly form: 'done';
      readonly id: number;
      readonly line: string;
      readonly reply: Reply;
      /** What its result takes in memory, about, bytes. */
      readonly weight: number;
    };

/** Something asked that has to be answered before anything else. */
export interface OpenQuestion extends Question {
  readonly purpose: 'run' | 'paste';
  readonly typed: string;
  /** The lines of the paste that was asked about. */
  readonly lines: readonly string[];
}

/** Everything on the screen. */
export interface ScreenState {
  readonly title: string;
  readonly size: { readonly columns: number; readonly rows: number };
  /** The moment shown: ages count up to it. */
  readonly now: number;
  readonly began: number;
  readonly nodes: Readonly<Record<string, NodeView>>;
  readonly view: { readonly use: string; readonly focus: string };
  readonly session: SessionInfo;
  /** The names of the locks that this terminal holds. */
  readonly heldLocks: readonly string[];
  readonly readonly: boolean;
  /** Commits a second of the focus group, oldest first. */
  readonly rates: readonly number[];
  /** The last count of commits: of which group, how many, when. */
  readonly counted: { readonly group: string; readonly commit: number; readonly at: number } | null;
  readonly feed: readonly FeedEvent[];
  readonly output: readonly OutputEntry[];
  /** Latency of the last reply, ms. */
  readonly latency_ms: number | null;
  /** Rows that the output is scrolled up from its end. */
  readonly scroll: number;
  readonly editor: EditorState;
  readonly question: OpenQuestion | null;
  readonly help: boolean;
  /** Number of the next event or entry. */
  readonly nextId: number;
}

/** A screen that knows nothing yet. */
export function emptyScreen(title: string, readonly: boolean, now: number): ScreenState {
  return {
    title,
    size: { columns: 80, rows: 24 },
    now,
    began: now,
    nodes: {},
    view: { use: 'auto', focus: 'auto' },
    session: { id: 0, state: 'none' },
    heldLocks: [],
    readonly,
    rates: [],
    counted: null,
    feed: [],
    output: [],
    latency_ms: null,
    scroll: 0,
    editor: emptyEditor(),
    question: null,
    help: false,
    nextId: 1,
  };
}
