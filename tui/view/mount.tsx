/** Puts the screen on a stdout and keeps it there: the one place where Ink and the store meet. */
import { render } from 'ink';
import { useLayoutEffect, useSyncExternalStore } from 'react';
import type { Grammar } from '../editor/grammar-port.js';
import { type Candidate, NO_NAMES } from '../grammar/index.js';
import type { ScreenState } from '../session/state.js';
import type { FrameSink } from '../terminal/frame-out.js';
import { cursorPlace } from './console-rows.js';
import type { Look } from './look.js';
import { Screen } from './Screen.js';

/** Where the state comes from. */
export interface StateSource {
  get(): ScreenState;
  subscribe(listener: () => void): () => void;
}

/** What is drawn, and on what. */
export interface MountOptions {
  readonly source: StateSource;
  readonly out: FrameSink;
  readonly look: Look;
  readonly grammar: Grammar;
}

/** Draws the screen at once and after every notice of the source. Returns the way to take it down; `failed` hears of a defect in it. */
export function mountScreen(options: MountOptions, failed: (error: unknown) => void): () => void {
  const words = options.grammar.complete('', 0, NO_NAMES).candidates;
  const instance = render(<Root {...options} words={words} />, {
    // As much of a stdout as Ink asks for in this mode: it hands over whole frames.
    stdout: options.out as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  instance.waitUntilExit().catch(failed);
  return () => instance.unmount();
}

function Root({ source, out, look, grammar, words }: MountOptions & { words: readonly Candidate[] }) {
  const state = useSyncExternalStore(source.subscribe, source.get);
  const hint = hintFor(state, grammar);
  useLayoutEffect(() => out.setCursor(cursorPlace(state, hint, look)), [state, hint, look, out]);
  return <Screen state={state} look={look} hint={hint} words={words} />;
}

function hintFor(state: ScreenState, grammar: Grammar): string {
  const { text } = state.editor.line;
  return text === '' || state.question || state.editor.search ? '' : grammar.hint(text);
}
