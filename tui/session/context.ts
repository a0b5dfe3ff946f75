/** What the screen is handed: the cluster it watches, the language it speaks and the way out. */
import type { Observation, SessionInfo } from '../../protocol/client/types.js';
import type { LocalNode } from '../cluster/types.js';
import type { Grammar } from '../editor/grammar-port.js';
import type { Names } from '../grammar/index.js';
import type { Reply } from './reply.js';

/** Asked before a line is run that destroys something. */
export interface Question {
  /** What is about to happen, one line: `kill n1: one of three nodes goes, without warning`. */
  readonly text: string;
  /** What has to be typed to go on: `y`, or a name for what is hard to undo. */
  readonly answer: string;
  /** What is executed then: the line itself or a form of it that carries its yes. */
  readonly line: string;
}

/** The choices that last from one command to the next. */
export interface SharedView {
  /** The node this terminal talks to, or 'auto'. */
  readonly use: string;
  /** The group that node cards show: 'c', 's0', ... or 'auto' for the group of the default queue. */
  readonly focus: string;
  /** Calls back after either changed. Returns the way to stop. */
  onChange(listener: () => void): () => void;
}

/** The lines typed in earlier sessions. */
export interface HistoryFile {
  /** Oldest first. Never rejects: without a file there are none. */
  load(): Promise<readonly string[]>;
  add(line: string): void;
}

/** Everything around the screen. */
export interface ScreenContext {
  /** Name of the cluster. */
  readonly title: string;
  readonly grammar: Grammar;
  readonly history: HistoryFile;
  readonly view: SharedView;
  readonly options: { readonly ascii: boolean; readonly readonly: boolean };
  /** News about every node, as it comes. Returns the way to stop. */
  observe(listener: (news: Observation) => void): () => void;
  /** The processes of local nodes, at once and at every change. Absent when none were started from here. */
  watchProcesses?(listener: (nodes: readonly LocalNode[]) => void): () => void;
  /** The names that exist at the moment. */
  names(): Names;
  /** The session of this terminal as it stands. */
  session(): SessionInfo;
  /** The names of the locks that it holds. */
  heldLocks(): readonly string[];
  /** Calls back with what befalls this terminal without its doing, one line each. Returns the way to stop. */
  onNotice(listener: (text: string) => void): () => void;
  /** Asked before `execute`: null runs the line at once. */
  confirm(line: string): Question | null;
  /** True for a line that leaves: `exit`, `quit`, `-1`. */
  leaves(line: string): boolean;
  /** Runs one line. Never rejects; an aborted signal gives the command up and still answers. */
  execute(line: string, signal: AbortSignal): Promise<Reply>;
  /** Lets go of cluster and nodes. Called once, after the screen was given back. */
  leave(): Promise<void>;
}
