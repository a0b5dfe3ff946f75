/** The TCP connection between two nodes, through a process that can cut it: what one sends to the other goes through here. */
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';

/**
 * open: carries everything. silent: carries nothing and tells nobody, like a real one; what was on its way arrives when the cable is
 * open again, as TCP has it. closed: connections break at once, new ones too.
 */
export type CableMode = 'open' | 'silent' | 'closed';

interface Pair {
  readonly near: Socket;
  /** null while nothing was carried yet. */
  far: Socket | null;
}

/** A cable: listens at `address` for whoever dials the node at `target`. */
export class Cable {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #mode: CableMode = 'open';

  private constructor(target: string) {
    const colon = target.lastIndexOf(':');
    this.#target = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
    this.#server = createServer((near) => this.#accept(near));
  }

  static async open(target: string): Promise<Cable> {
    const cable = new Cable(target);
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve));
    return cable;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set mode(mode: CableMode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    for (const pair of this.#pairs) this.#obey(pair);
  }

  close(): void {
    this.mode = 'closed';
    this.#server.close();
  }

  #accept(near: Socket): void {
    near.setNoDelay(true);
    near.pause();
    const pair: Pair = { near, far: null };
    this.#pairs.add(pair);
    this.#end(pair, near);
    this.#obey(pair);
  }

  #obey(pair: Pair): void {
    const { near } = pair;
    switch (this.#mode) {
      case 'open':
        pair.far ??= this.#dial(pair);
        near.pipe(pair.far).pipe(near);
        break;
      case 'silent':
        if (pair.far === null) break;
        near.unpipe(pair.far).pause();
        pair.far.unpipe(near).pause();
        break;
      case 'closed':
        near.destroy();
        pair.far?.destroy();
        break;
      default:
        this.#mode satisfies never;
    }
  }

  #dial(pair: Pair): Socket {
    const far = dial(this.#target);
    far.setNoDelay(true);
    this.#end(pair, far);
    return far;
  }

  // The end of one half is passed on by `pipe`; an error of one breaks the other.
  #end(pair: Pair, half: Socket): void {
    half.on('error', () => {});
    half.on('close', (failed) => {
      this.#pairs.delete(pair);
      const other = half === pair.near ? pair.far : pair.near;
      if (failed) other?.destroy();
      else other?.destroySoon();
    });
  }
}
