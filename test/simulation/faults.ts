/** Faults on order for a simulated disk: calls that fail, calls that are slow, a disk that is full, writes that go astray. */
import type { File, FileError, Files } from '../../node/world.js';

/** A call that can fail or be slow. */
export type Operation = keyof Files | keyof File;

/** Which calls a fault is about: of one kind, and about paths that contain `path` (any when left out). */
export interface Where {
  readonly operation: Operation;
  readonly path?: string;
}

/** A call as it is made. */
export interface Call {
  readonly operation: Operation;
  readonly path: string;
}

interface Failure extends Where {
  readonly code: string;
  skip: number;
  times: number;
}

interface Delay extends Where {
  readonly ms: number;
}

interface Ambush extends Where {
  readonly action: () => void;
  skip: number;
}

/** An error that the simulated system returns. */
export class Failed extends Error implements FileError {
  override readonly name = 'Failed';
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

export class Faults {
  /** Bytes by which files may still grow. */
  free_bytes = Number.POSITIVE_INFINITY;
  private failures: Failure[] = [];
  private delays: Delay[] = [];
  private ambushes: Ambush[] = [];
  private astray: { path: string; by: number }[] = [];
  /** Syncs that have succeeded since a write went astray; Infinity while none has. Before the second, nothing can tell that it did. */
  syncsSinceStray = Number.POSITIVE_INFINITY;
  /** Counts a fault as a call meets it. */
  count: (fault: string) => void = () => {};

  /** The next `times` calls (default: 1) fail, after `skip` (default: 0) that go well. */
  fail(fault: Where & { code: string; skip?: number; times?: number }): void {
    this.failures.push({ ...fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  /** From now on such calls take so long. */
  slow(fault: Where & { ms: number }): void {
    this.delays.push(fault);
  }

  /** Calls take no longer than they have to. */
  hasten(): void {
    this.delays = [];
  }

  /** Leaves room for so many bytes; a write that needs more fails with ENOSPC after what fits. */
  leave(bytes: number): void {
    this.free_bytes = bytes;
  }

  /** Something happens just when such a call has begun, after `skip` others. */
  ambush(where: Where & { skip?: number }, action: () => void): void {
    this.ambushes.push({ ...where, skip: where.skip ?? 0, action });
  }

  /** A call has begun: the action that lay in wait for it, or null. */
  surprise(call: Call): (() => void) | null {
    const at = this.ambushes.findIndex((ambush) => isAbout(ambush, call) && ambush.skip-- === 0);
    return at < 0 ? null : (this.ambushes.splice(at, 1)[0]?.action ?? null);
  }

  /** The next write to `path` lands `by` bytes from where it should. */
  misdirect(path: string, by: number): void {
    this.astray.push({ path, by });
  }

  /** No more faults, and room enough. */
  heal(): void {
    this.failures = [];
    this.delays = [];
    this.ambushes = [];
    this.astray = [];
    this.free_bytes = Number.POSITIVE_INFINITY;
  }

  /** The error that this call has been told to meet. */
  failureOf(call: Call): Failed | null {
    for (const failure of this.failures) {
      if (!isAbout(failure, call) || failure.times === 0) continue;
      if (failure.skip-- > 0) continue;
      failure.times--;
      this.count(`${failure.code} on ${failure.operation}`);
      return new Failed(failure.code, call.path);
    }
    return null;
  }

  /** How long this call takes, ms. */
  delayOf(call: Call): number {
    return this.delays.reduce((most, delay) => (isAbout(delay, call) ? Math.max(most, delay.ms) : most), 0);
  }

  /** How many of the bytes by which a file wants to grow it gets. */
  grow(bytes: number): number {
    const granted = Math.min(bytes, this.free_bytes);
    this.free_bytes -= granted;
    return granted;
  }

  /**
   * How far from its place this write lands. Zeros do not stray: over the end of a log they would take away what was acknowledged without
   * a trace, which nothing but a second copy could tell.
   */
  straysBy(path: string, data: Buffer): number {
    const at = this.astray.findIndex((one) => one.path === path);
    if (at < 0 || data.every((byte) => byte === 0)) return 0;
    this.count('write gone astray');
    this.syncsSinceStray = 0;
    return this.astray.splice(at, 1)[0]?.by ?? 0;
  }
}

function isAbout(fault: Where, call: Call): boolean {
  return fault.operation === call.operation && call.path.includes(fault.path ?? '');
}
