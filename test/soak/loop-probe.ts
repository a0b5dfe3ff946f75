/**
 * Loaded into a node before its program (`--import .../loop-probe.js?to=<file>`): writes down how late its event loop is. There is a moment
 * to be met every two milliseconds; a stall makes all those late that fall into it, as it would everybody who came meanwhile.
 */
import { createWriteStream } from 'node:fs';

/** From one moment to the next, ms. */
export const LOOK_MS = 2;
const WRITE_MS = 500;

/** A line of the file. */
export interface Looks {
  /** The first of the moments, Unix time, ms. */
  readonly from: number;
  /** How late each of them was met, ms. */
  readonly late: readonly number[];
}

function probe(path: string): void {
  const file = createWriteStream(path, { flags: 'a' });
  let due = performance.now() + LOOK_MS;
  let from = due;
  let late: number[] = [];
  const look = () => {
    const now = performance.now();
    for (; due <= now; due += LOOK_MS) late.push(Math.round((now - due) * 100) / 100);
    if (now - from > WRITE_MS) {
      const looks: Looks = { from: performance.timeOrigin + from, late };
      file.write(`${JSON.stringify(looks)}\n`);
      from = due;
      late = [];
    }
    setTimeout(look, Math.max(1, Math.ceil(due - now))).unref();
  };
  setTimeout(look, LOOK_MS).unref();
}

const to = new URL(import.meta.url).searchParams.get('to');
if (to !== null) probe(to);
