/** The part one works in: the output, and the prompt under it, in one frame. */
import type { ScreenState } from '../session/state.js';
import { consoleRows } from './console-rows.js';
import { Lines } from './Lines.js';
import type { Layout } from './layout.js';
import type { Look } from './look.js';
import { divider, panel } from './panel.js';
import { dim, type Row, span } from './row.js';

/** Exactly `layout.console` rows. In the bare form there is no frame. */
export function Console(props: { state: ScreenState; layout: Layout; hint: string; look: Look }) {
  const { state, layout, hint, look } = props;
  const rows = consoleRows(state, layout, hint, look);
  const content = [...rows.output, ...rows.popup];
  const { columns } = layout;
  if (layout.form === 'bare') {
    return <Lines rows={[...content, rows.prompt.row]} width={columns} look={look} />;
  }
  const edge = { dim: true };
  const framed = panel([...content, rows.prompt.row], columns, look, {
    title: [dim('output')],
    corner: scrollNote(rows.above, rows.below),
    footer: footer(state),
    edge,
  });
  const all: Row[] = [...framed.slice(0, -2), divider(columns, look, edge), ...framed.slice(-2)];
  return <Lines rows={all} width={columns} look={look} />;
}

function scrollNote(above: number, below: number): Row {
  if (below > 0) return [span(`${below} newer below, PgDn`, { tone: 'warn' })];
  return above > 0 ? [dim(`${above} above, PgUp`)] : [];
}

/** The keys that matter at the moment. */
function footer(state: ScreenState): Row {
  if (state.question) return [dim('Enter answer  Esc no')];
  if (state.editor.search) return [dim('^R older  Enter run  Tab edit  ^C back')];
  if (state.editor.completion) return [dim('Tab next  Enter take  Esc close')];
  const isRunning = state.output.some((entry) => entry.form === 'running');
  if (isRunning) return [dim('^C give up  PgUp scroll  ? help')];
  return [dim('Tab complete  ^R search  PgUp scroll  ? help  ^D leave')];
}
