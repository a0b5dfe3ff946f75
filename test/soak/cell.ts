/** A resource outside of the cluster that several clients change under a lock: one that looks at fencing tokens, or one that does not. */

/** What a cell is asked: to tell its value, or to take a new one. */
export interface CellRequest {
  readonly cell: string;
  /** The token of the lock that is held; a cell that does not look at tokens is told it all the same. */
  readonly token: number;
  /** null: a read. */
  readonly value: number | null;
}

/** The value as it is now; null: refused, it has seen a greater token. */
export type CellReply = number | null;

/** A number that everybody raises by one. */
export class Cell {
  readonly #fenced: boolean;
  #value = 0;
  #written = 0;
  #refused = 0;
  /** The greatest token seen, by readers too. */
  #seen = 0;

  constructor(fenced: boolean) {
    this.#fenced = fenced;
  }

  ask({ token, value }: CellRequest): CellReply {
    if (this.#fenced && token < this.#seen) {
      this.#refused++;
      return null;
    }
    this.#seen = Math.max(this.#seen, token);
    if (value !== null) {
      this.#value = value;
      this.#written++;
    }
    return this.#value;
  }

  get written(): number {
    return this.#written;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Writes that others wrote over without having read them. */
  get lost(): number {
    return this.#written - this.#value;
  }
}
