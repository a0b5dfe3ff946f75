/** The ledger: which seeds kept their promises at which commit, a line a run, kept with the sources. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sum, type Totals } from './tally.js';

/** A run of many seeds. */
interface Line extends Totals {
  /** Of what was played; '+' stands for changes that had not been committed. */
  readonly commit: string;
  readonly first: number;
}

/** From the folder in which npm runs scripts. */
const PATH = join('test', 'simulation', 'ledger.jsonl');

/** Adds a run. */
export function record(first: number, totals: Totals): void {
  const line: Line = { commit: commitNow(), first, ...totals };
  appendFileSync(PATH, `${JSON.stringify(line)}\n`);
}

/** All runs together. */
export function recorded(): Totals {
  const lines = existsSync(PATH) ? readFileSync(PATH, 'utf8').split('\n') : [];
  return sum(lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line));
}

function commitNow(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed =
    git('status', '--porcelain', '--untracked-files=no', 'node', 'protocol', 'test/simulation', `:!${PATH}`) !== '';
  return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
}
