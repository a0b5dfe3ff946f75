/** The head of the screen: which cluster, how safe it is, who leads, how fast it goes; under it what to worry about. */
import {
  faultsOf,
  focusGroup,
  groupSummary,
  groupsOf,
  highestCommit,
  nodesInOrder,
  safetyOf,
  spare,
} from '../session/selectors.js';
import type { ScreenState } from '../session/state.js';
import { count, latency, rate, some, spellSlow } from '../spelling.js';
import { widthOf } from '../terminal/cells.js';
import { Lines } from './Lines.js';
import type { Look, Tone } from './look.js';
import { dim, type Row, type Span, span, spread } from './row.js';
import { joinSegments, type Segment } from './segments.js';
import { warningsOf } from './warnings.js';

/** One or two rows. */
export function Header({ state, rows, look }: { state: ScreenState; rows: number; look: Look }) {
  const width = state.size.columns;
  const all = [firstRow(state, width, look), secondRow(state, width, look)].slice(0, rows);
  return <Lines rows={all} width={width} look={look} />;
}

function firstRow(state: ScreenState, width: number, look: Look): Row {
  const name: Row = [span(' concord ', { inverse: true, bold: true }), span(` ${state.title}`, { bold: true })];
  const isReadonly: Segment[] = state.readonly
    ? [{ forms: [[span('READ ONLY', { tone: 'warn', bold: true })]], yields: 1 }]
    : [];
  const broken = nodesInOrder(state).filter((node) => faultsOf(state, node).length > 0);
  const areBroken: Segment[] =
    broken.length > 0 ? [{ forms: [[span(`FAULTS ${broken.length}`, { tone: 'warn', bold: true })]], yields: 0 }] : [];
  const segments: Segment[] = [
    { forms: [name], yields: 0 },
    ...isReadonly,
    ...areBroken,
    { forms: quorumForms(state, look), yields: 0 },
    ...(groupsOf(state).length > 0 ? groupSegments(state, look) : []),
    sessionSegment(state, look),
  ];
  return joinSegments(segments, width, ` ${look.glyphs.box[5]} `);
}

/** What is known only once a node has spoken. */
function groupSegments(state: ScreenState, look: Look): Segment[] {
  return [
    { forms: leaderForms(state, look), yields: 2 },
    { forms: [[dim('term '), span(termText(state))]], yields: 5 },
    { forms: commitForms(state, look), yields: 4 },
    { forms: viaForms(state), yields: 6 },
  ];
}

const LEVELS = {
  unknown: { tone: 'plain', glyph: 'waiting' },
  safe: { tone: 'good', glyph: 'follower' },
  edge: { tone: 'warn', glyph: 'flag' },
  lost: { tone: 'bad', glyph: 'down' },
} as const satisfies Record<string, { tone: Tone; glyph: 'waiting' | 'follower' | 'flag' | 'down' }>;

function quorumForms(state: ScreenState, look: Look): Row[] {
  const safety = safetyOf(state);
  const { tone, glyph } = LEVELS[safety.level];
  const mark = look.glyphs[glyph];
  if (safety.level === 'unknown') return [[dim(`${mark} connecting`)]];
  const number = `${safety.alive}/${safety.voters}`;
  const word = safety.level === 'lost' ? 'NO QUORUM' : 'quorum';
  return [[span(`${mark} ${word} ${number}`, { tone, bold: true })], [span(`${mark} ${number}`, { tone, bold: true })]];
}

function leaderForms(state: ScreenState, look: Look): Row[] {
  const group = focusGroup(state);
  const { leader, since } = groupSummary(state, group);
  if (leader === '') return [[span(`${look.glyphs.waiting} no leader of ${group}`, { tone: 'warn' })]];
  const age = since === null ? '' : spellSlow(state.now - since);
  const head: Row = [
    span(look.glyphs.leader, { tone: 'good' }),
    span(` ${leader}`, { bold: true }),
    dim(' leads '),
    span(group),
  ];
  return [[...head, dim(` ${age}`)], head, [head[0] ?? dim(''), span(` ${leader}`, { bold: true })]];
}

function termText(state: ScreenState): string {
  return String(groupSummary(state, focusGroup(state)).term);
}

function commitForms(state: ScreenState, look: Look): Row[] {
  const head: Row = [dim('commit '), span(count(highestCommit(state, focusGroup(state))))];
  const speed: Row = [...head, span(` +${rate(state.rates.at(-1) ?? 0)}/s`)];
  return [[...speed, dim(' '), sparkline(state.rates, look)], speed, head];
}

const SPARK_WIDTH = 8;

/** The commit rate of the last seconds, the highest of them being the top. */
function sparkline(rates: readonly number[], look: Look): Span {
  const { spark } = look.glyphs;
  const shown = rates.slice(-SPARK_WIDTH);
  const top = Math.max(1, ...shown);
  const text = shown.map(
    (each) => spark[Math.min(spark.length - 1, Math.floor((each / top) * (spark.length - 1) + 0.5))] ?? '',
  );
  return span(text.join('').padStart(SPARK_WIDTH, spark[0] ?? ' '), { tone: 'info' });
}

function viaForms(state: ScreenState): Row[] {
  const { use } = state.view;
  const node = use === 'auto' || use === '' ? groupSummary(state, focusGroup(state)).leader || 'any node' : use;
  const head: Row = [dim('via '), span(node)];
  return state.latency_ms === null ? [head] : [[...head, span(` ${latency(state.latency_ms)}`)], head];
}

function sessionForms(state: ScreenState): Row[] {
  const { id, state: how } = state.session;
  if (how === 'open') return [[dim('session '), span(String(id))]];
  if (how === 'none') return [[dim('no session')]];
  return [[dim('session '), span(how, { tone: how === 'opening' ? 'plain' : 'warn' })]];
}

/** Names of locks shown one by one, and the cells that they may take together. */
const LOCKS_SHOWN_MAX = 3;
const LOCKS_WIDTH_MAX = 30;

/** The session, and beside it the locks that it holds, so that nobody forgets one: where room is scarce they are all that is left of it. */
function sessionSegment(state: ScreenState, look: Look): Segment {
  const { heldLocks } = state;
  if (heldLocks.length === 0) return { forms: sessionForms(state), yields: 7 };
  const names = heldLocks.slice(0, LOCKS_SHOWN_MAX).join(', ');
  const more = heldLocks.length - LOCKS_SHOWN_MAX;
  const listed = span(more > 0 ? `${names} +${more}` : names, { bold: true });
  const count: Row = [dim('holds '), span(some(heldLocks.length, 'lock'), { bold: true })];
  const holds: Row[] = widthOf(listed.text) > LOCKS_WIDTH_MAX ? [count] : [[dim('holds '), listed], count];
  const [session = []] = sessionForms(state);
  const [longest = count] = holds;
  return { forms: [[...session, dim(` ${look.glyphs.dot} `), ...longest], ...holds], yields: 0 };
}

/** Warnings, or in quiet times the groups with their leaders and what may still fail. */
function secondRow(state: ScreenState, width: number, look: Look): Row {
  const warnings = warningsOf(state);
  if (warnings.length === 0) return quietRow(state, width, look);
  const forms = warnings.map(({ level, text }, nth): Segment => {
    const style = level === 'bad' ? { tone: 'bad' as const, bold: true } : { tone: 'warn' as const };
    return { forms: [[span(`${look.glyphs.flag} ${text}`, style)]], yields: nth };
  });
  return [span(' '), ...joinSegments(forms, width - 2, '   ')];
}

const GROUPS_SHOWN_MAX = 6;

function quietRow(state: ScreenState, width: number, look: Look): Row {
  const groups = groupsOf(state);
  if (groups.length === 0) return [dim(' no node has spoken yet')];
  const left: Row = groups
    .slice(0, GROUPS_SHOWN_MAX)
    .flatMap(
      ({ id, leader, term }, nth): Row => [
        dim(nth === 0 ? ' groups  ' : `  ${look.glyphs.dot}  `),
        span(id, id === focusGroup(state) ? { bold: true } : {}),
        dim(` ${look.glyphs.leader}${leader} term ${term}`),
      ],
    );
  const more = groups.length > GROUPS_SHOWN_MAX ? [dim(`  and ${groups.length - GROUPS_SHOWN_MAX} more`)] : [];
  const safety = safetyOf(state);
  const right: Row =
    safety.level === 'safe' ? [span(look.glyphs.ok, { tone: 'good' }), dim(` ${spare(safety)} may fail `)] : [];
  return spread([...left, ...more], right, width);
}
