/** What the environment says about the terminal: its letters and its colours. */

type Environment = Readonly<Record<string, string | undefined>>;

/** True when the terminal shows letters outside ASCII: its locale is UTF-8 and it is not the Linux console. */
export function hasUnicode(env: Environment): boolean {
  if (env['TERM'] === 'linux' || env['TERM'] === 'dumb') return false;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale);
}

/** True unless colours are unwanted (NO_COLOR, set to anything) or the terminal has none. */
export function hasColour(env: Environment): boolean {
  return !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
