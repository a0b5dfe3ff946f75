/**
 * What clients in processes of their own did, saw and were told, line by line. A line is handed to the operating system at once, so that
 * kill -9 takes none back. Times are of CLOCK_MONOTONIC, which all processes of a machine share.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { HoldMode } from '../simulation/history/holds.js';

/** A client asks for something. All times in ms, taken before. */
export interface Asked {
  readonly kind: 'asked';
  /** Unique in its journal. */
  readonly op: number;
  readonly at: number;
  readonly client: string;
  /** Unique in the run. */
  readonly owner: string;
  readonly verb: 'acquire' | 'convert' | 'release';
  readonly locks: readonly (readonly [string, HoldMode])[];
  /** The cluster takes it away after so long; 0: never. */
  readonly hold_ms: number;
}

/** It was told what came of it, in the words of the catalogue. The time is taken after. */
export interface Told {
  readonly kind: 'told';
  readonly op: number;
  readonly at: number;
  /** '' when it was done. */
  readonly code: string;
  readonly definite: boolean;
  /** Of an acquire or a convert, in the order asked. */
  readonly tokens: readonly number[];
}

/** A client asked its handle, after the time noted, and was told that the lock is held. */
export interface Saw {
  readonly kind: 'saw';
  readonly at: number;
  readonly owner: string;
  readonly lock: string;
  readonly mode: HoldMode;
  readonly token: number;
}

export type Line = Asked | Told | Saw;

/** ms, the same in all processes. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Writes a journal. */
export class Journal {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** All lines of a journal whose writer may have been killed. */
export function readJournal(path: string): Line[] {
  const whole = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return whole.map((line) => JSON.parse(line) as Line);
}
