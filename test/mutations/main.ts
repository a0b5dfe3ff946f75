/**
 * `npm run mutations`: puts each known mistake into a copy of the source and lets the simulator look for it. A mistake that it does not
 * find is one that somebody could make unseen.
 */
import { cpus } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { makeCopy } from './copy.js';
import { MUTATIONS } from './mistakes.js';
import type { Edit, Mutation } from './mutation.js';
import { type Played, play } from './play.js';
import { projectRoot } from './source.js';
import { headOf, lineOf, type Row, verdictOn } from './table.js';

/** Seeds of the unmutated program: a harness that breaks by itself must not pass for one that catches. */
const SOUND_SEEDS = 8;

interface Options {
  readonly only?: readonly string[];
  readonly seedsMax: number;
  readonly jobs: number;
  readonly json: boolean;
  readonly keep: boolean;
}

const root = projectRoot();

function optionsIn(argv: readonly string[]): Options {
  return new Command('mutations')
    .description(
      'puts each known mistake into a copy of the source and lets the simulator find it; exit 1 unless all are found',
    )
    .option('--only <name...>', 'these mutations and no others')
    .option('--seeds-max <n>', 'seeds after which a mutation has not been caught', count, 400)
    .option('--jobs <n>', 'mutations tried side by side', count, cpus().length)
    .option('--json', 'the rows as one JSON array, and nothing else', false)
    .option('--keep', 'leave the copies in .build/mutations', false)
    .parse(argv)
    .opts<Options>();
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a number of 1 or more is needed');
}

function chosen(only: readonly string[] | undefined): readonly Mutation[] {
  const unknown = only?.find((name) => !MUTATIONS.some((mutation) => mutation.name === name));
  if (unknown !== undefined) throw new Error(`there is no mutation ${unknown}`);
  return only === undefined ? MUTATIONS : MUTATIONS.filter(({ name }) => only.includes(name));
}

async function attempt(
  name: string,
  edits: readonly Edit[],
  seeds_max: number,
  seed_ms: number | null,
  keep: boolean,
): Promise<Played> {
  const copy = await makeCopy(root, name, edits);
  try {
    return await play(copy.main, seeds_max, seed_ms);
  } finally {
    if (!keep) copy.remove();
  }
}

/** What a seed takes while nothing is wrong, ms. @throws Error when something is */
async function checkHarness({ keep }: Options): Promise<number> {
  const { caught, ms } = await attempt('unmutated', [], SOUND_SEEDS, null, keep);
  if (caught !== '') throw new Error(`the program as it stands is caught too, so nothing can be told: ${caught}`);
  return ms / SOUND_SEEDS;
}

async function rowOf({ name, edits }: Mutation, { seedsMax, keep }: Options, seed_ms: number): Promise<Row> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  try {
    const { caught, seeds } = await attempt(name, edits, seedsMax, seed_ms, keep);
    return { name, seeds, caught, trouble: '', seconds: seconds() };
  } catch (error) {
    return { name, seeds: 0, caught: '', trouble: (error as Error).message, seconds: seconds() };
  }
}

/** Tries all, `jobs` at a time; the rows in the order of the list. */
async function tryAll(
  mutations: readonly Mutation[],
  options: Options,
  seed_ms: number,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const rows = new Map<string, Row>();
  const waiting = [...mutations];
  const work = async () => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const row = await rowOf(mutation, options, seed_ms);
      rows.set(row.name, row);
      tell(row);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return mutations.flatMap(({ name }) => rows.get(name) ?? []);
}

async function main(): Promise<void> {
  const options = optionsIn(process.argv);
  const mutations = chosen(options.only);
  const say = options.json ? () => {} : (line: string) => console.log(line);
  const width = Math.max(...mutations.map(({ name }) => name.length));
  const seed_ms = await checkHarness(options);
  say(
    `${mutations.length} mutations, at most ${options.seedsMax} seeds each; ${Math.round(seed_ms)} ms a seed unmutated`,
  );
  say(headOf(width));
  const rows = await tryAll(mutations, options, seed_ms, (row) => say(lineOf(row, width)));
  say(verdictOn(rows));
  if (options.json) console.log(JSON.stringify(rows));
  process.exitCode = rows.every(({ caught }) => caught !== '') ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(`mutations: ${(error as Error).message}`);
  process.exitCode = 1;
}
