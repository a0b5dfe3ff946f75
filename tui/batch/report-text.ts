/** What a batch tells people: a line for each step, a difference where one missed, a summary. */

import { parse } from '../grammar/parse.js';
import { escapeHidden } from '../grammar/write.js';
import { renderText } from '../plain/render.js';
import type { Reply } from '../session/reply.js';
import { seconds } from './attempt.js';
import type { Batch } from './batch.js';
import { diffLines } from './diff.js';
import type { Ended, Totals } from './ended.js';
import type { Mistake } from './source.js';

/** How the text looks. */
export interface Style {
  readonly colour: boolean;
  /** Ticks and crosses; else words. */
  readonly glyphs: boolean;
  /** Letters of a line; longer ones are cut. */
  readonly columns: number;
}

const COLOURS = { good: 32, bad: 31, warn: 33, dim: 2 } as const;

const MARKS = {
  held: { glyph: '✓', word: 'ok  ', tone: 'good' },
  missed: { glyph: '✗', word: 'MISS', tone: 'bad' },
  stopped: { glyph: '-', word: 'stop', tone: 'warn' },
} as const;

/** The first line. */
export function headText(batch: Batch, where: string): string {
  return `${batch.name}: ${batch.file} on ${where}`;
}

/** The line of a step, and what is wrong with it. */
export function stepText(ended: Ended, batch: Batch, style: Style): string {
  const { outcome, client, step, reply, runs, ms } = ended;
  const { glyph, word, tone } = MARKS[outcome];
  const width = Math.max(...batch.clients.map(({ name }) => name.length));
  const who = batch.clients.length > 1 ? `${client.padEnd(width)}  ` : '';
  const isRepeated = step.kind === 'run' && runs > 1 && outcome === 'held';
  const what = escapeHidden(isRepeated ? step.command.source : reply.command);
  const times = runs > 1 ? `  ×${runs}` : '';
  const told = outcome === 'held' ? answer(reply) : '';
  const mark = style.glyphs ? glyph : word;
  const room = Math.max(20, style.columns - mark.length - TIME_WIDTH - 3 - who.length - times.length);
  const line = cut(told === '' || isRepeated ? what : `${what}  → ${told}`, room);
  const first = `${paint(mark, tone, style)} ${paint(seconds(ms).padStart(TIME_WIDTH), 'dim', style)}  ${who}${line}${times}`;
  return outcome === 'missed' ? [first, ...missText(ended, batch, style)].join('\n') : first;
}

const TIME_WIDTH = 8;

/** The last lines. */
export function endText(batch: Batch, totals: Totals, style: Style): string {
  const { steps, held, missed, stopped, skipped, runs, clients, ms } = totals;
  const left = stopped + skipped;
  const who = clients === 1 ? '' : ` of ${clients} clients`;
  const tail = `${counted(runs, 'command')}, ${seconds(ms)}`;
  if (missed === 0 && left === 0)
    return paint(
      `${batch.name}: ${steps === 1 ? 'the step' : `all ${steps} steps`}${who} held; ${tail}`,
      'good',
      style,
    );
  const parts = [
    `${held} of ${counted(steps, 'step')}${who} held`,
    missed === 0 ? '' : `${missed} missed`,
    left === 0 ? '' : `${left} not run`,
  ];
  return paint(
    `${batch.name}: ${parts.filter((part) => part !== '').join(', ')}; ${tail}`,
    missed === 0 ? 'warn' : 'bad',
    style,
  );
}

/** The mistakes of a file, one a line, as compilers tell them. */
export function mistakesText(file: string, mistakes: readonly Mistake[], count: number): string {
  const lines = mistakes.map(({ line, column, message }) => `${file}:${line}:${column}: ${escapeHidden(message)}`);
  const more = count - mistakes.length;
  return [...lines, ...(more > 0 ? [`and ${more} more`] : []), `${counted(count, 'mistake')}; nothing was run`].join(
    '\n',
  );
}

/** A number of things. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Where it stands, how often it was tried, and expected against got. */
function missText(ended: Ended, { file, clients }: Batch, style: Style): string[] {
  const { step, client, why, difference, runs, tries } = ended;
  const { line, column } = step.place;
  const of = clients.length > 1 ? ` of ${client}` : '';
  const run = runs > 1 ? `, run ${runs}` : '';
  const tried = tries > 1 ? `, ${tries} tries` : '';
  const lines = [paint(`${file}:${line}:${column}  step ${step.number}${of}${run}${tried}`, 'dim', style)];
  if (why !== null) lines.push(escapeHidden(why));
  if (difference !== null) {
    lines.push(`${paint('- expected', 'bad', style)}  ${paint('+ got', 'good', style)}`);
    for (const { mark, text } of diffLines(difference)) {
      const shown = `${mark} ${text}`;
      lines.push(mark === ' ' ? shown : paint(shown, mark === '-' ? 'bad' : 'good', style));
    }
  }
  return lines.map((text) => `    ${text}`);
}

/** What a reply says, where it fits on a line. */
function answer(reply: Reply): string {
  if (reply.error !== null) return `error ${reply.error.code}`;
  let text: string;
  try {
    text = renderText(reply, parse(reply.command).word);
  } catch {
    // No command: a barrier, a pause.
    return '';
  }
  return text.includes('\n') ? '' : text;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function paint(text: string, tone: keyof typeof COLOURS, { colour }: Style): string {
  return colour ? `\u001b[${COLOURS[tone]}m${text}\u001b[0m` : text;
}
