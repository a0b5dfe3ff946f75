/** Finds out, without danger to this process, whether the base in a folder can be read to its end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Done } from '../world.js';

const PROBE = fileURLToPath(new URL('./base-probe.js', import.meta.url));

/** `done` gets false when a row is damaged, or the process that reads it for us dies of it. The base must not be open. */
export function inspectBase(folder: string, done: Done<boolean>): void {
  const probe = spawn(process.execPath, [PROBE, folder], { stdio: 'ignore' });
  let told = false;
  const tell: Done<boolean> = (error, sound) => {
    if (!told) done(error, sound);
    told = true;
  };
  probe.once('error', (error) => tell(error, false));
  probe.once('exit', (code) => tell(null, code === 0));
}
