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
  private astray: { path: string; by: number }[] = [];

  /** The next `times` calls (default: 1) fail, after `skip` (default: 0) that go well. */
  fail(fault: Where & { code: string; skip?: number; times?: number }): void {
    this.failures.push({ ...fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  /** From now on such calls take so long. */
  slow(fault: Where & { ms: number }): void {
    this.delays.push(fault);
  }

  /** Leaves room for so many bytes; a write that needs more fails with ENOSPC after what fits. */
  leave(bytes: number): void {
    this.free_bytes = bytes;
  }

  /** The next write to `path` lands `by` bytes from where it should. */
  misdirect(path: string, by: number): void {
    this.astray.push({ path, by });
  }

  /** No more faults, and room enough. */
  heal(): void {
    this.failures = [];
    this.delays = [];
    this.astray = [];
    this.free_bytes = Number.POSITIVE_INFINITY;
  }

  /** The error that this call has been told to meet. */
  failureOf(call: Call): Failed | null {
    for (const failure of this.failures) {
      if (!isAbout(failure, call) || failure.times === 0) continue;
      if (failure.skip-- > 0) continue;
      failure.times--;
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

  /** How far from its place this write lands. */
  straysBy(path: string): number {
    const at = this.astray.findIndex((one) => one.path === path);
    return at < 0 ? 0 : (this.astray.splice(at, 1)[0]?.by ?? 0);
  }
}

function isAbout(fault: Where, call: Call): boolean {
  return fault.operation === call.operation && call.path.includes(fault.path ?? '');
}
