/** The screen of `concord`, put together: terminal, store, keys, picture. No JSX here, so that the environment is set first. */
import './env.js';
import { NO_NAMES } from './grammar/complete.js';
import { Input } from './input.js';
import { Runner, type ScreenStore } from './runner.js';
import type { ScreenContext } from './session/context.js';
import { reduceScreen } from './session/reducer.js';
import { emptyScreen } from './session/state.js';
import { type ScreenClock, Store } from './session/store.js';
import { hasColour, hasUnicode } from './terminal/environment.js';
import { FrameOut } from './terminal/frame-out.js';
import { type EndSignal, SIGNAL_CODES, TerminalSession } from './terminal/session.js';
import { scrollRange } from './view/console-rows.js';
import { helpScrollMax } from './view/Help.js';
import { lookOf } from './view/look.js';
import { mountScreen } from './view/mount.js';
import { outputLines } from './view/output-text.js';

/** Ages move once a second, and ten times while a command runs. */
const TICK_MS = 1000;
const TICK_RUNNING_MS = 100;
/** How long leaving may take before the program ends all the same, ms. */
const LEAVE_MS_MAX = 10_000;

const clock: ScreenClock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (delay_ms, task) => {
    const timer = setTimeout(task, delay_ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * Shows the screen until the person leaves or a signal ends it. Resolves with the exit code, the terminal given back and
 * `context.leave` done. Needs a terminal on stdin and stdout.
 */
export async function runScreen(context: ScreenContext): Promise<number> {
  const look = lookOf({ ascii: context.options.ascii || !hasUnicode(process.env), colour: hasColour(process.env) });
  const store: ScreenStore = new Store(
    emptyScreen(context.title, context.options.readonly, clock.now()),
    reduceScreen,
    clock,
  );
  const out = new FrameOut(process.stdout, clock);
  const end = ending<number>();
  const runner = new Runner(context, store, () => end.resolve(0));
  const input = new Input({
    context,
    store,
    runner,
    leave: () => end.resolve(0),
    repaint: () => out.repaint(),
    suspend: () => session.suspend(),
    scrollRange: (state) => {
      if (!state.help) return scrollRange(state, look);
      const { columns, rows } = state.size;
      const words = context.grammar.complete('', 0, NO_NAMES).candidates;
      return { page: Math.max(1, rows - 3), most: helpScrollMax(words, columns, rows, look) };
    },
  });
  const session = new TerminalSession(
    {
      keys: input.keys,
      ended: (signal: EndSignal) => end.resolve(SIGNAL_CODES[signal]),
      repaint: () => out.repaint(),
      farewell: () => outputLines(store.get().output, out.columns, look, clock.now()),
    },
    clock,
  );

  store.dispatch({ kind: 'edit', command: { do: 'load', history: await context.history.load() } });
  const resized = () => store.dispatch({ kind: 'resize', columns: out.columns, rows: out.rows });
  resized();
  session.open();
  out.on('resize', resized);
  const stops = [watch(context, store), tick(store, context)];
  const unmount = mountScreen({ source: store, out, look, grammar: context.grammar }, end.reject);
  try {
    return await end.promise;
  } finally {
    runner.giveUp();
    for (const stop of stops) stop();
    store.close();
    out.close();
    session.close();
    unmount();
    await within(context.leave(), LEAVE_MS_MAX);
  }
}

/** Everything that the context tells by itself goes into the store. Returns the way to stop. */
function watch(context: ScreenContext, store: ScreenStore): () => void {
  const view = () => store.dispatch({ kind: 'view', use: context.view.use, focus: context.view.focus });
  view();
  const stops = [
    context.view.onChange(view),
    context.observe((news) => store.dispatch({ kind: 'observation', news }, 'soon')),
    context.onNotice((text) => {
      store.dispatch({ kind: 'output', change: { do: 'note', text, tone: 'warn' } });
      lookAtSession(context, store, 'now');
    }),
    context.watchProcesses?.((nodes) => store.dispatch({ kind: 'processes', nodes }, 'soon')),
  ];
  return () => {
    for (const stop of stops) stop?.();
  };
}

/** The session and the locks of this terminal, if they have changed. */
function lookAtSession(context: ScreenContext, store: ScreenStore, when: 'now' | 'soon'): void {
  const [session, heldLocks] = [context.session(), context.heldLocks()];
  const known = store.get();
  const isSame =
    session.id === known.session.id &&
    session.state === known.session.state &&
    heldLocks.join(' ') === known.heldLocks.join(' ');
  if (!isSame) store.dispatch({ kind: 'session', session, heldLocks }, when);
}

/** Moves the ages on. Returns the way to stop. */
function tick(store: ScreenStore, context: ScreenContext): () => void {
  const isRunning = () => store.get().output.some((entry) => entry.form === 'running');
  let timer = clock.after(TICK_MS, beat);
  let fast = false;
  function beat(): void {
    fast = isRunning();
    store.dispatch({ kind: 'tick' }, 'soon');
    lookAtSession(context, store, 'soon');
    timer = clock.after(fast ? TICK_RUNNING_MS : TICK_MS, beat);
  }
  const unsubscribe = store.subscribe(() => {
    if (fast || !isRunning()) return;
    fast = true;
    timer.cancel();
    timer = clock.after(TICK_RUNNING_MS, beat);
  });
  return () => {
    timer.cancel();
    unsubscribe();
  };
}

/** Waits for a promise, but not for ever. */
async function within(promise: Promise<void>, ms_max: number): Promise<void> {
  const late = ending<void>();
  const timer = clock.after(ms_max, () => late.resolve());
  await Promise.race([promise, late.promise]);
  timer.cancel();
}

/** A promise that is settled from outside. */
function ending<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
