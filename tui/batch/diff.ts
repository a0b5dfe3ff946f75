/** Two values as readable JSON, and the lines in which they differ. */
import { escapeHidden } from '../grammar/write.js';
import { type Difference, Phrase } from './expectation.js';

/** A line of a difference: of the expected value, of the one that came, or of both. */
export interface DiffLine {
  readonly mark: '-' | '+' | ' ';
  readonly text: string;
}

/** Lines of each value that are compared; what comes after is cut. */
const LINES_MAX = 400;
/** Lines that are shown. */
const SHOWN_MAX = 60;
/** Lines that are the same are shown so far around those that differ. */
const AROUND = 2;
/** Letters of a line. */
const LENGTH_MAX = 160;
/** Letters of a value that stands on one line. */
const ONE_LINE_MAX = 60;

/** What was expected and what came, line by line. */
export function diffLines({ field, expected, got }: Difference): DiffLine[] {
  const isPhrase = expected instanceof Phrase || got instanceof Phrase;
  const isOneLine = isPhrase || [expected, got].every((value) => JSON.stringify(value).length <= ONE_LINE_MAX);
  const head = field === '' || field === 'result' ? '' : `${field}: `;
  const lines = (value: unknown) => readable(value, isOneLine).map((line, i) => (i === 0 ? head + line : line));
  const [wanted, came] = [lines(expected), lines(got)];
  const all =
    wanted.length * came.length === 1
      ? changed(wanted, came)
      : compared(wanted.slice(0, LINES_MAX), came.slice(0, LINES_MAX));
  const near = aroundChanges(all);
  const more = near.length - SHOWN_MAX;
  return more <= 0 ? near : [...near.slice(0, SHOWN_MAX), { mark: ' ', text: `… ${more} more lines` }];
}

/** A value as JSON for people, bytes as they are typed; a phrase as it is. */
function readable(value: unknown, isOneLine: boolean): string[] {
  if (value instanceof Phrase) return [escapeHidden(value.text)];
  if (isOneLine) return [escapeHidden(JSON.stringify(withHex(value)).replaceAll('":', '": ').replaceAll(',"', ', "'))];
  return JSON.stringify(withHex(value), null, 2).split('\n').map(escapeHidden);
}

/** Bytes of the JSON form as `hex:`. */
function withHex(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withHex);
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === '$bytes')
    return `hex:${Buffer.from(String(first[1]), 'base64').toString('hex')}`;
  return Object.fromEntries(entries.map(([key, inside]) => [key, withHex(inside)]));
}

/** Two single lines, each cut to the part in which they differ. */
function changed([wanted = '']: string[], [came = '']: string[]): DiffLine[] {
  let same = 0;
  while (same < Math.min(wanted.length, came.length) && wanted[same] === came[same]) same++;
  const isLong = Math.max(wanted.length, came.length) > LENGTH_MAX;
  const from = isLong ? Math.max(0, same - AHEAD) : 0;
  const part = (text: string) => (from === 0 ? text : `…${text.slice(from)}`);
  return [
    { mark: '-', text: cut(part(wanted)) },
    { mark: '+', text: cut(part(came)) },
  ];
}

/** Letters shown before the first that differs. */
const AHEAD = 20;

/** The lines of both by their longest common subsequence. */
function compared(wanted: readonly string[], came: readonly string[]): DiffLine[] {
  const width = came.length + 1;
  const common = new Uint16Array((wanted.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = wanted.length - 1; i >= 0; i--)
    for (let j = came.length - 1; j >= 0; j--)
      common[i * width + j] = wanted[i] === came[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < wanted.length || j < came.length) {
    const [one, other] = [wanted[i], came[j]];
    if (one !== undefined && one === other) {
      lines.push({ mark: ' ', text: cut(one) });
      i++;
      j++;
    } else if (one !== undefined && (other === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: cut(one) });
      i++;
    } else {
      lines.push({ mark: '+', text: cut(other ?? '') });
      j++;
    }
  }
  return lines;
}

/** Without the stretches in which nothing differs. */
function aroundChanges(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((line) => line.mark !== ' '),
  );
  return lines.flatMap((line, at) => {
    if (isNear[at]) return [line];
    return at === 0 || isNear[at - 1] ? [{ mark: ' ' as const, text: '…' }] : [];
  });
}

function cut(text: string): string {
  return text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX - 1)}…` : text;
}
