/** The source of the simulator: every file that it is made of, found by its imports. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const SIMULATOR = join('test', 'simulation');

/** The folder of the project, from wherever this compiled file lies below it. */
export function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'protocol', 'README.md')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** Paths from `root` of all files of the simulator, sorted: what lies in its folder, tests left out, and what that imports. */
export function simulatorFiles(root: string): string[] {
  const waiting = readdirSync(join(root, SIMULATOR), { encoding: 'utf8', recursive: true })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => join(SIMULATOR, path));
  const found = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    waiting.push(...importsOf(root, path));
  }
  return [...found].sort();
}

function importsOf(root: string, path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/\bfrom '(\.[^']+)\.js'/g)].map((match) => join(dirname(path), `${match[1]}.ts`));
}
