/** A copy of the simulator's source with a mutation in it, compiled, so that it can be run. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Edit, edited } from './mutation.js';
import { simulatorFiles } from './source.js';

/** Where copies lie, below the project so that they find its packages. */
const COPIES = join('.build', 'mutations');
/** The compiler's last words that are shown. */
const COMPLAINT_LENGTH_MAX = 2000;

/** What a mutation leaves unused or out of reach is no reason not to compile it. */
const COMPILER_OPTIONS = ['--declaration', 'false', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];

/** A copy on disk. */
export interface Copy {
  readonly folder: string;
  /** The simulator's compiled entry. */
  readonly main: string;
  remove(): void;
}

/** Copies, edits and compiles. @throws Error when an edit does not fit or the result does not compile; the copy is removed then */
export async function makeCopy(root: string, name: string, edits: readonly Edit[]): Promise<Copy> {
  const folder = join(root, COPIES, name);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  remove();
  try {
    const files = simulatorFiles(root);
    for (const path of [...files, 'tsconfig.json']) copyFile(root, folder, path);
    for (const edit of edits) {
      if (!files.includes(edit.file)) throw new Error(`${edit.file} is not part of the simulator`);
      const path = join(folder, edit.file);
      writeFileSync(path, edited(readFileSync(path, 'utf8'), edit));
    }
    await compile(root, folder);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, main: join(folder, 'out', 'test', 'simulation', 'main.js'), remove };
}

function copyFile(root: string, folder: string, path: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  cpSync(join(root, path), join(folder, path));
}

async function compile(root: string, folder: string): Promise<void> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = [
    '-p',
    folder,
    '--outDir',
    join(folder, 'out'),
    '--allowUnreachableCode',
    'true',
    ...COMPILER_OPTIONS,
  ];
  try {
    await promisify(execFile)(process.execPath, [compiler, ...options]);
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    throw new Error(`it does not compile: ${stdout.trim().slice(0, COMPLAINT_LENGTH_MAX)}`);
  }
}
