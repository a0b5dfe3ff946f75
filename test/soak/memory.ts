/** How much memory of their own nodes take at most, and how much disk. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { rssAnonOf } from '../../tui/bench/proc.js';
import type { TestCluster } from '../integration/cluster.js';
import { mib } from './figures.js';

const MEMORY_LOOK_MS = 25;
const DISK_LOOK_MS = 500;
/** What the file system counts in, whatever its blocks are. */
const BLOCK_BYTES = 512;

/** The greatest value for each node since it was last cleared. */
export class Peaks implements Disposable {
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  private constructor(look: (peaks: Map<string, number>) => void, interval_ms: number) {
    this.#timer = setInterval(() => look(this.#peaks), interval_ms);
  }

  /** RssAnon: what a process allocated, without files that are mapped. */
  static ofMemory({ nodes }: TestCluster): Peaks {
    return new Peaks((peaks) => {
      for (const { id, pid } of nodes.values()) keep(peaks, id, pid === 0 ? 0 : (rssAnonOf(pid) ?? 0));
    }, MEMORY_LOOK_MS);
  }

  /** Everything in the folder of a node, as the file system counts it. */
  static ofDisk({ nodes }: TestCluster): Peaks {
    return new Peaks((peaks) => {
      for (const { id, plan } of nodes.values()) keep(peaks, id, sizeOf(plan.data));
    }, DISK_LOOK_MS);
  }

  of(node: string): number {
    return this.#peaks.get(node) ?? 0;
  }

  get greatest(): number {
    return Math.max(0, ...this.#peaks.values());
  }

  clear(): void {
    this.#peaks.clear();
  }

  toString(): string {
    return [...this.#peaks].map(([id, bytes]) => `${id} ${mib(bytes)}`).join(', ');
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Bytes on disk of all files in a folder and below. */
export function sizeOf(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      // What goes meanwhile counts nothing.
      bytes += entry.isDirectory()
        ? sizeOf(path)
        : (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES;
    }
  } catch {
    // So does a folder that is not there yet.
  }
  return bytes;
}

function keep(peaks: Map<string, number>, node: string, bytes: number): void {
  peaks.set(node, Math.max(peaks.get(node) ?? 0, bytes));
}
