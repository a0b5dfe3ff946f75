/** Something that is opened at its first use. */

/** Opened once for all who ask; after a failure the next one to ask tries again. */
export class Lazy<T> {
  readonly #open: () => Promise<T>;
  #opening: Promise<T> | null = null;
  #value: T | undefined;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  /** What was opened; undefined while it is not. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Opens it, or waits until it is open. Rejects as `open` does. */
  get(): Promise<T> {
    this.#opening ??= this.#start();
    return this.#opening;
  }

  async #start(): Promise<T> {
    try {
      this.#value = await this.#open();
      return this.#value;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }
}
