/** The contents of a simulated base: what is in it at one moment, never changed, so that readers and media can share it. */

import type { Head } from '../../node/storage/base.js';
import { rowKey, unseal } from '../../node/storage/base-rows.js';

/** A row as it is stored. */
export interface Stored {
  readonly key: Buffer;
  readonly sealed: Buffer;
}

/** Everything in a base at one moment; never changed. Rows of a space are sorted. */
export interface State {
  readonly spaces: ReadonlyMap<number, readonly Stored[]>;
  readonly heads: ReadonlyMap<string, Buffer>;
}

/** A row that changes; null: it goes. */
export interface Change {
  readonly key: Buffer;
  readonly sealed: Buffer | null;
}

/** Nothing at all. */
export const EMPTY: State = { spaces: new Map(), heads: new Map() };

/** Place of the first row whose key is not below `key`. */
export function firstFrom(rows: readonly Stored[], key: Buffer): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && Buffer.compare(row.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A state with changes to some spaces and a head. */
export function changed(
  state: State,
  spaces: ReadonlyMap<number, ReadonlyMap<string, Change>>,
  head: Head | null,
): State {
  const next = new Map(state.spaces);
  for (const [space, changes] of spaces) {
    const kept = (state.spaces.get(space) ?? []).filter(({ key }) => !changes.has(key.toString('latin1')));
    const put = [...changes.values()].flatMap(({ key, sealed }) => (sealed === null ? [] : [{ key, sealed }]));
    const rows = [...kept, ...put].sort((a, b) => Buffer.compare(a.key, b.key));
    if (rows.length > 0) next.set(space, rows);
    else next.delete(space);
  }
  const heads = head === null ? state.heads : new Map(state.heads).set(head.group, Buffer.from(head.bytes));
  return { spaces: next, heads };
}

/** Bytes of rows and heads. */
export function bytesOf(state: State): number {
  let bytes = 0;
  for (const rows of state.spaces.values()) for (const { key, sealed } of rows) bytes += key.length + sealed.length;
  for (const head of state.heads.values()) bytes += head.length;
  return bytes;
}

/** The value of a row. @throws StorageError ROT */
export function checkedValue(space: number, { key, sealed }: Stored, path: string): Buffer {
  return Buffer.from(unseal(rowKey(space, key), sealed, path));
}
