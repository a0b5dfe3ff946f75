/** Folders of temporary clusters: made for one keeper, removed by it; and by the next one, where a keeper was killed. */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { KEEPER_FILES } from './known-nodes.js';
import { hasDeadKeeper } from './lock.js';
import { endLeftover } from './processes.js';

const PREFIX = 'concord-temp-';
const GRACE_MS = 2000;

/** Makes the folder of a temporary cluster. */
export function makeTempFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), PREFIX)));
}

/** Removes the temporary clusters of this user whose keepers were killed, with the paused nodes that could not notice. */
export async function sweepTemp(own: string): Promise<void> {
  const folder = realpathSync(tmpdir());
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!name.startsWith(PREFIX) || path === own) continue;
    try {
      const found = lstatSync(path);
      if (!found.isDirectory() || found.uid !== userInfo().uid || !hasDeadKeeper(path)) continue;
      await Promise.all(readdirSync(path).map((node) => endNode(join(path, node))));
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Another keeper sweeps the same folder, or its owner took it away.
    }
  }
}

async function endNode(data: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(join(data, KEEPER_FILES.pid), 'utf8'));
  } catch {
    return;
  }
  await endLeftover(pid, ['--data', data], GRACE_MS);
}
