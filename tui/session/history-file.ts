/** The lines typed in earlier sessions, in a file that only its owner can read. */
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HistoryFile } from './context.js';

/** Lines that are kept. The file is cut back to so many when it holds twice as many. */
export const HISTORY_LINES_MAX = 1000;
const LINE_LENGTH_MAX = 65_536;

/** The history in `file`; with null, of this session only. A history that cannot be read or written is no reason to fail. */
export function openHistory(file: string | null): HistoryFile {
  if (file === null) return { load: async () => [], add: () => {} };
  let count = 0;
  let last = Promise.resolve();

  const load = async (): Promise<readonly string[]> => {
    try {
      const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
      count = lines.length;
      return lines.slice(-HISTORY_LINES_MAX);
    } catch {
      return [];
    }
  };

  const append = async (line: string): Promise<void> => {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await appendFile(file, `${line}\n`, { mode: 0o600 });
      if (++count < 2 * HISTORY_LINES_MAX) return;
      // Another terminal may have added lines meanwhile: what is kept is what the file holds now.
      const kept = await load();
      await writeFile(`${file}.draft`, `${kept.join('\n')}\n`, { mode: 0o600 });
      await rename(`${file}.draft`, file);
      count = kept.length;
    } catch {
      count = 0;
    }
  };

  return {
    load,
    add(line) {
      if (line === '' || line.includes('\n') || line.length > LINE_LENGTH_MAX) return;
      // One after another, so that the file has them in the order they were typed.
      last = last.then(() => append(line));
    },
  };
}
