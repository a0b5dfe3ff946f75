/** How the screen looks: its glyphs in Unicode and in ASCII, and which of the 16 palette colours a tone has. */

/** Every mark that the screen draws by itself. All of them are one cell wide. */
export interface Glyphs {
  readonly leader: string;
  readonly follower: string;
  readonly candidate: string;
  readonly learner: string;
  readonly repair: string;
  readonly snapshot: string;
  readonly down: string;
  readonly paused: string;
  readonly waiting: string;
  readonly ok: string;
  readonly fail: string;
  readonly unsure: string;
  readonly prompt: string;
  readonly up: string;
  readonly flag: string;
  readonly gear: string;
  readonly dot: string;
  readonly more: string;
  readonly pick: string;
  readonly bar: string;
  readonly barRest: string;
  /** From lowest to highest. */
  readonly spark: readonly string[];
  readonly spin: readonly string[];
  /** Top left, top right, bottom left, bottom right, horizontal, vertical, left tee, right tee. */
  readonly box: readonly [string, string, string, string, string, string, string, string];
}

const UNICODE: Glyphs = {
  leader: '★',
  follower: '●',
  candidate: '◆',
  learner: '○',
  repair: '✚',
  snapshot: '⇣',
  down: '✖',
  paused: '‖',
  waiting: '◌',
  ok: '✓',
  fail: '✗',
  unsure: '?',
  prompt: '›',
  up: '▲',
  flag: '⚑',
  gear: '⚙',
  dot: '·',
  more: '…',
  pick: '▸',
  bar: '━',
  barRest: '╌',
  spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  spin: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
  box: ['╭', '╮', '╰', '╯', '─', '│', '├', '┤'],
};

const ASCII: Glyphs = {
  leader: '*',
  follower: 'o',
  candidate: '?',
  learner: '.',
  repair: '%',
  snapshot: 'v',
  down: 'X',
  paused: '=',
  waiting: '.',
  ok: '+',
  fail: 'x',
  unsure: '?',
  prompt: '>',
  up: '^',
  flag: '!',
  gear: '#',
  dot: '-',
  more: '~',
  pick: '>',
  bar: '=',
  barRest: '-',
  spark: ['.', '.', ':', ':', '|', '|', '#', '#'],
  spin: ['|', '/', '-', '\\'],
  box: ['+', '+', '+', '+', '-', '|', '+', '+'],
};

/** The choices of look that hold for the whole screen. */
export interface Look {
  readonly glyphs: Glyphs;
  readonly ascii: boolean;
  /** false: bold, dim and inverse only. */
  readonly colour: boolean;
}

/** A look. `ascii` replaces every other letter by a question mark, also in what nodes send. */
export function lookOf(choice: { readonly ascii: boolean; readonly colour: boolean }): Look {
  return { glyphs: choice.ascii ? ASCII : UNICODE, ascii: choice.ascii, colour: choice.colour };
}

/** What a piece of text is, rather than how it looks. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'info' | 'vote' | 'value';

/** Foreground codes of the 16-colour palette. All are readable on light and dark grounds; `plain` is the terminal's own. */
export const TONE_CODES: Readonly<Record<Tone, number | null>> = {
  plain: null,
  good: 32,
  warn: 33,
  bad: 31,
  info: 36,
  vote: 35,
  value: 34,
};
