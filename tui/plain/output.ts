/** A stream that replies are written to, one after another, until its reader goes away. */
import type { Writable } from 'node:stream';

/** Writes whole lines and waits until each was taken. */
export class Output {
  readonly #stream: Writable;
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    // A reader that has seen enough (`| head`) is no mistake: what follows is not wanted.
    stream.on('error', () => {
      this.#closed = true;
    });
  }

  /** True when nobody reads any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Writes `text` and the end of a line; nothing for ''. Resolves when it was taken, or nobody reads any more. */
  line(text: string): Promise<void> {
    return text === '' ? Promise.resolve() : this.raw(`${text}\n`);
  }

  /** Writes `text` as it is. */
  raw(text: string): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#stream.write(text, () => resolve()));
  }
}
