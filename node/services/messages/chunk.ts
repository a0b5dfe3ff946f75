/**
 * Neighbouring messages of one queue: an index in one typed array, their bodies in an arena. Nothing on the heap is per message.
 *
 * To the base it is a row with the bodies, and one with what became of the messages since that was written (rows.ts). A message that goes
 * touches the second one only; the first is written again only while it is small and more is appended.
 */
import type { RowSink } from '../part.js';
import { ARENA_BYTES_MAX, Arena } from './arena.js';
import { ChunkNews, type ChunkSource } from './chunk-news.js';
import type { Ledger } from './ledger.js';
import { GONE, LENGTH, LIVE, OFFSET, OFFSET_MAX, PLACE, RowIndex, STATE } from './row-index.js';
import { BodiesRow, COLUMNS_BYTES, chunkKey, eachGone, KIND } from './rows.js';

/** Messages of a chunk. */
const ROWS_MAX = 256;
/**
 * A chunk that came into the base as full as this takes no more: that is how much a cut writes again at most for the sake of a few new
 * messages, and how small the chunks of a queue may be into which messages trickle.
 */
const SEALED_SHARE = 1 / 4;
/** What one more message that is gone counts for in the ledger's `dirty`. */
const GONE_BYTES = 1;

/** Messages of one queue with ascending ids. A message is named by its place in the index: its slot. */
export class Chunk implements ChunkSource {
  readonly queue: string;
  /** No id in it is lower. */
  readonly base: number;
  /** Messages in it. */
  live = 0;
  /** Bytes of their bodies. */
  bytes = 0;
  /** Its bodies are in the base only. */
  away = false;
  readonly ledger: Ledger;
  readonly arena: Arena;
  readonly index: RowIndex;
  /** No message stands before this slot. */
  private front = 0;
  /** The slots below stand in the row with the bodies, or will when the cut under way is flushed. 0: there is no such row. */
  private stored = 0;
  /** Messages that do not. */
  private unstored = 0;
  /** There is a row of states, or will be. */
  private marked = false;
  /** It does not say all. */
  private stale = false;
  private sealed = false;
  private changedIn = 0;
  /** What the cut under way has yet to tell of it. */
  private news: ChunkNews | undefined;
  /** The cut under way has told its rows, which are not in the base yet. */
  private told = false;
  /** No message is in it and none will come: only what is to be told of it keeps it. */
  private retired = false;

  constructor(queue: string, base: number, ledger: Ledger) {
    this.queue = queue;
    this.base = base;
    this.ledger = ledger;
    this.arena = new Arena(ledger);
    this.index = new RowIndex(ledger);
  }

  /** True when a message with that id and a body of so many bytes may be added behind the others. */
  takes(id: number, length: number): boolean {
    const { rows } = this.index;
    if (this.sealed || rows >= ROWS_MAX || id - this.base > OFFSET_MAX) return false;
    return rows === 0 || (this.away ? this.bytes : this.arena.used) + length <= ARENA_BYTES_MAX;
  }

  /** Adds a message, its id above all others. The body is copied. */
  append(id: number, body: Buffer): void {
    const { ledger } = this;
    this.fetch();
    this.index.add(id - this.base, body.length, this.arena.keep(body));
    this.live++;
    this.unstored++;
    this.bytes += body.length;
    ledger.size++;
    ledger.dirty += COLUMNS_BYTES + body.length;
    this.changes();
  }

  /** The slot of the first message; there is one. */
  first(): number {
    return this.front;
  }

  /** The slot of the first message behind a slot, or -1. */
  next(slot: number): number {
    const { index } = this;
    for (let next = slot + 1; next < index.rows; next++) if (index.get(next, STATE) === LIVE) return next;
    return -1;
  }

  /** The slot of a message, or -1 when it is not here. */
  find(id: number): number {
    const slot = this.index.find(id - this.base);
    return slot !== -1 && this.index.get(slot, STATE) === LIVE ? slot : -1;
  }

  idAt(slot: number): number {
    return this.base + this.index.get(slot, OFFSET);
  }

  lengthAt(slot: number): number {
    return this.index.get(slot, LENGTH);
  }

  /** The body, in the memory in which it is kept: not to be changed. The bodies must be in memory. */
  bodyAt(slot: number): Buffer {
    return this.arena.at(this.index.get(slot, PLACE), this.index.get(slot, LENGTH));
  }

  /** Takes a message out. */
  remove(slot: number): void {
    const { ledger } = this;
    const length = this.lengthAt(slot);
    if (slot < this.stored) {
      this.news?.keepStates();
      this.stale = true;
      ledger.dirty += GONE_BYTES;
      this.changes();
    } else {
      // The base never hears of a message that came and went between two cuts.
      this.unstored--;
      ledger.dirty -= COLUMNS_BYTES + length;
    }
    this.index.set(slot, STATE, GONE);
    this.live--;
    this.bytes -= length;
    ledger.size--;
    if (slot !== this.front) return;
    const next = this.next(slot);
    this.front = next === -1 ? this.index.rows : next;
  }

  /** Ids and bodies of all messages, ascending, wherever the bodies are, which stay there. */
  *messages(): IterableIterator<[number, Buffer]> {
    const row = this.away ? this.readBack() : undefined;
    let place = 0;
    for (let slot = 0; slot < this.index.rows; slot++) {
      const length = this.lengthAt(slot);
      if (this.index.get(slot, STATE) === LIVE)
        yield [this.idAt(slot), row === undefined ? this.bodyAt(slot) : row.bodies.subarray(place, place + length)];
      place += length;
    }
  }

  /** Nothing is in it and nothing will be: it lives on only for what has to be told of it. */
  retire(): void {
    this.retired = true;
    if (this.stored === 0) this.ledger.changed.delete(this);
    if (this.news === undefined) this.free();
  }

  /** True when the base knows of it, or will when the cut under way is flushed. */
  get known(): boolean {
    return this.stored > 0;
  }

  /** True when its bodies may leave the memory that they take: the base has all of them. */
  get droppable(): boolean {
    return this.arena.size > 0 && this.unstored === 0 && this.news === undefined && !this.told;
  }

  /** Lets all bodies leave memory. */
  drop(): void {
    this.arena.clear();
    this.away = this.live > 0;
  }

  /** Takes the bodies into memory, from the first message on, if they are not there. @throws Error when the base has not what it has to have */
  fetch(): void {
    if (!this.away) return;
    const { index } = this;
    const { bodies } = this.readBack();
    let place = 0;
    let start = 0;
    for (let slot = 0; slot < this.stored; slot++) {
      if (slot === this.front) start = place;
      index.set(slot, PLACE, place - start);
      place += this.lengthAt(slot);
    }
    this.arena.keep(bodies.subarray(start));
    this.away = false;
  }

  /** Takes over a row with bodies, which stay away unless they are to be kept. @throws Error when it is none */
  load(value: Buffer, keep: boolean): void {
    const { index, ledger } = this;
    const row = new BodiesRow(value);
    index.reserve(row.count);
    let place = 0;
    for (let slot = 0; slot < row.count; slot++) {
      const length = row.length(slot);
      index.add(row.offset(slot), length, place);
      place += length;
    }
    this.live = this.stored = row.count;
    this.bytes = place;
    ledger.size += row.count;
    this.seal();
    if (keep) this.arena.keep(row.bodies);
    else this.away = true;
  }

  /** Takes over its row of states. @throws Error when it is none */
  loadStates(value: Buffer): void {
    const { index, ledger } = this;
    eachGone(value, this.stored, (slot) => {
      index.set(slot, STATE, GONE);
      this.live--;
      this.bytes -= this.lengthAt(slot);
      ledger.size--;
    });
    this.marked = true;
    this.front = this.next(-1);
    if (this.front === -1) throw new Error('a row of states leaves no message, and should not be there');
  }

  /** A cut begins: true when it has something to tell. */
  freeze(): boolean {
    const gone = this.marked ? 'delete' : 'none';
    if (this.live === 0 && this.stored > 0) {
      this.news = new ChunkNews(this, 0, 0, 'delete', gone);
    } else if (this.unstored > 0) {
      this.index.compact();
      this.front = 0;
      this.stored = this.index.rows;
      this.unstored = 0;
      this.news = new ChunkNews(this, this.stored, this.bytes, 'put', gone);
      this.marked = false;
      this.seal();
    } else if (this.stale) {
      this.news = new ChunkNews(this, this.stored, 0, 'none', 'put');
      this.marked = true;
    }
    this.stale = false;
    return this.news !== undefined;
  }

  /** Tells its rows as they were at the cut, until `out` is full. True when none is left. */
  tell(out: RowSink): boolean {
    if (this.news?.tell(out) === false) return false;
    this.news = undefined;
    this.told = true;
    if (this.retired) this.free();
    return true;
  }

  /** The cut is in the base. */
  settle(): void {
    this.told = false;
  }

  private changes(): void {
    const { ledger } = this;
    if (this.changedIn === ledger.generation) return;
    this.changedIn = ledger.generation;
    ledger.changed.add(this);
  }

  private seal(): void {
    this.sealed = this.stored >= ROWS_MAX * SEALED_SHARE || this.bytes >= ARENA_BYTES_MAX * SEALED_SHARE;
  }

  private free(): void {
    this.arena.clear();
    this.index.clear();
  }

  /** The row with its bodies. @throws Error when the base has it not, or not this one: then more is wrong than this chunk */
  private readBack(): BodiesRow {
    const { queue, base } = this;
    const value = this.ledger.read(chunkKey(queue, base, KIND.bodies));
    if (value === undefined)
      throw new Error(`the messages from ${base} on of queue ${queue} are neither in memory nor in the base`);
    const row = new BodiesRow(value);
    if (row.count !== this.stored)
      throw new Error(`queue ${queue} has ${this.stored} messages from ${base} on, and in the base ${row.count}`);
    for (let slot = 0; slot < row.count; slot++) {
      const length = this.lengthAt(slot);
      if (row.offset(slot) !== this.index.get(slot, OFFSET) || row.length(slot) !== length)
        throw new Error(
          `message ${this.idAt(slot)} of queue ${queue} has ${length} bytes, and in the base` +
            ` message ${base + row.offset(slot)} has ${row.length(slot)}`,
        );
    }
    return row;
  }
}
