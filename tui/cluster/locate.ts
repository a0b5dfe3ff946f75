/** Where a cluster's configuration and data are, found without the cost of a YAML parser at every start of a terminal. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The configuration that is used when none is named. */
const DEFAULT_CONFIG = 'configs/local.yaml';

/** Absolute path of the configuration `named` (relative to the current folder), or of the one that comes with Concord. */
export function configFile(named: string | null): string {
  if (named !== null) return resolve(named);
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(resolve(folder, DEFAULT_CONFIG)) && dirname(folder) !== folder) folder = dirname(folder);
  return resolve(folder, DEFAULT_CONFIG);
}

/** The data folder of a cluster: `named`, else what its configuration says. @throws ConcordError BAD_CONFIG */
export async function dataFolder(file: string, named: string | null): Promise<string> {
  if (named !== null) return resolve(named);
  const plain = plainDataFolder(file);
  if (plain !== null) return plain;
  // yaml and zod take 60 ms to load: only for a file whose data folder cannot be read off.
  const { readConfig } = await import('./config.js');
  return readConfig(file).data;
}

/**
 * The folder, when exactly one line of the file starts with `data:` and holds nothing but a plain path (with a slash: no
 * other YAML value looks like that) and a comment.
 * In any valid configuration that line is the option: YAML lets nothing else of a mapping start in the first column.
 */
function plainDataFolder(file: string): string | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const lines = text.match(/^["']?data["']?\s*:.*$/gm) ?? [];
  const path = /^data: +([A-Za-z0-9_.-]*\/[A-Za-z0-9_./-]*)\s*(?: #.*)?$/.exec(lines[0] ?? '')?.[1];
  return lines.length === 1 && path !== undefined ? resolve(dirname(file), path) : null;
}
