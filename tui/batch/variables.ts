/** The variables of one client while it runs: those of the file, and what it captured, up to a bound. */
import type { Reply } from '../session/reply.js';
import { weigh } from '../session/weigh.js';
import type { RunStep } from './batch.js';
import { fieldOf } from './fields.js';
import { BATCH_LIMITS } from './limits.js';
import { fillText, type Lookup, template } from './template.js';

/** The variables of a client. */
export class Variables {
  readonly #given: ReadonlyMap<string, unknown>;
  readonly #captured = new Map<string, unknown>();

  constructor(given: ReadonlyMap<string, unknown>) {
    this.#given = given;
  }

  /** Looks a variable up; `i` is the count of the innermost repeat. */
  lookup(i: number | null): Lookup {
    return (name) => (name === 'i' && i !== null ? i : (this.#captured.get(name) ?? this.#given.get(name)));
  }

  /** Takes what a step captures of its reply. Returns what is wrong, or null. */
  capture(step: RunStep, reply: Reply, lookup: Lookup): string | null {
    for (const [name, path] of step.capture) {
      const field = String(fillText(template(path), lookup));
      const value = field === 'result' ? reply.result : fieldOf(reply, field);
      if (value === undefined) return `${name} cannot be captured: the reply has no ${field}`;
      this.#captured.set(name, value);
    }
    const bytes = [...this.#captured.values()].reduce((sum: number, value) => sum + weigh(value), 0);
    if (step.capture.length === 0 || bytes <= BATCH_LIMITS.captured_bytes_max) return null;
    return `the captured values take ${bytes} bytes, and a client may hold ${BATCH_LIMITS.captured_bytes_max}`;
  }
}
