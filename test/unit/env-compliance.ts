/** What every form of Env promises: one suite that the real one and each simulated one pass. */
import { expect } from 'chai';
import type { Env, Listener, Socket, SocketHandlers } from '../../protocol/env.js';

/** An Env with what a test needs besides. */
export interface EnvUnderTest {
  readonly env: Env;
  /** An address on which nothing listens, such as "127.0.0.1:0". A port 0 stands for any that is free. */
  readonly address: string;
  /** Lets the world go on until the condition holds. Rejects when it never does. */
  until(condition: () => boolean): Promise<void>;
}

/** Writes down what a socket tells. */
class Recorder implements SocketHandlers {
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  error: Error | null = null;

  open(): void {
    this.events.push('open');
  }
  data(chunk: Buffer): void {
    this.chunks.push(chunk);
    if (this.events.at(-1) !== 'data') this.events.push('data');
  }
  drain(): void {
    this.events.push('drain');
  }
  close(error: Error | null): void {
    this.events.push('close');
    this.error = error;
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
  get closed(): boolean {
    return this.events.includes('close');
  }
}

/** Both ends of a connection. */
interface Pair {
  near: Socket;
  nearEvents: Recorder;
  far: Socket;
  farEvents: Recorder;
  listener: Listener;
}

/** Registers the suite for the Envs that `make` gives. */
export function envCompliance(name: string, make: () => EnvUnderTest): void {
  describe(`env: ${name}`, () => {
    let under: EnvUnderTest;
    let env: Env;
    let cleanups: (() => void)[];

    beforeEach(() => {
      under = make();
      env = under.env;
      cleanups = [];
    });
    afterEach(() => {
      for (const cleanup of cleanups) cleanup();
    });

    async function listen(address: string, accept: (socket: Socket) => SocketHandlers): Promise<Listener> {
      const result: { error?: Error | null; listener?: Listener | null } = {};
      env.network.listen(address, accept, (error, listener) => Object.assign(result, { error, listener }));
      await under.until(() => result.error !== undefined);
      const { error, listener } = result;
      if (!listener) throw error;
      cleanups.push(() => listener.close(() => {}));
      return listener;
    }

    async function pair(): Promise<Pair> {
      const farEvents = new Recorder();
      let far: Socket | undefined;
      const listener = await listen(under.address, (socket) => {
        far = socket;
        return farEvents;
      });
      const nearEvents = new Recorder();
      const near = env.network.connect(listener.address, nearEvents);
      await under.until(() => far !== undefined && nearEvents.events.includes('open'));
      if (far === undefined) throw new Error('no connection was accepted');
      const accepted = far;
      cleanups.push(
        () => near.destroy(),
        () => accepted.destroy(),
      );
      return { near, nearEvents, far: accepted, farEvents, listener };
    }

    /** Long enough for anything that is still under way to show. */
    async function settle(): Promise<void> {
      let done = false;
      env.scheduler.after(20, () => {
        done = true;
      });
      await under.until(() => done);
    }

    describe('network', () => {
      it('brings every byte in order, both ways', async () => {
        const { near, nearEvents, far, farEvents } = await pair();
        let sent = '';
        for (let i = 0; i < 500; i++) {
          sent += `${i},`;
          near.write(Buffer.from(`${i},`));
          far.write(Buffer.from(`${i},`));
        }
        await under.until(() => farEvents.text.length >= sent.length && nearEvents.text.length >= sent.length);
        expect(farEvents.text).to.equal(sent);
        expect(nearEvents.text).to.equal(sent);
      });

      it('tells nothing from within connect, and open once, first, to the side that connects', async () => {
        const listener = await listen(under.address, () => new Recorder());
        const events = new Recorder();
        const socket = env.network.connect(listener.address, events);
        expect(events.events).to.deep.equal([]);
        cleanups.push(() => socket.destroy());
        await under.until(() => events.events.length > 0);
        await settle();
        expect(events.events).to.deep.equal(['open']);
      });

      it('sends what is written before it is connected', async () => {
        const farEvents = new Recorder();
        const listener = await listen(under.address, () => farEvents);
        const socket = env.network.connect(listener.address, new Recorder());
        socket.write(Buffer.from('early'));
        cleanups.push(() => socket.destroy());
        await under.until(() => farEvents.text === 'early');
      });

      it('keeps the chunks it has given as they were', async () => {
        const { near, farEvents } = await pair();
        near.write(Buffer.from('first'));
        await under.until(() => farEvents.text === 'first');
        const [chunk] = farEvents.chunks;
        for (let i = 0; i < 100; i++) near.write(Buffer.alloc(1000, i));
        await under.until(() => farEvents.text.length === 100_005);
        expect(chunk?.toString()).to.equal('first');
      });

      it('tells close exactly once and last on both sides after end, and sends what was written before', async () => {
        const { near, nearEvents, farEvents } = await pair();
        near.write(Buffer.alloc(300_000, 'x'));
        near.end();
        await under.until(() => farEvents.closed && nearEvents.closed);
        await settle();
        expect(farEvents.text).to.have.length(300_000);
        expect(farEvents.events).to.deep.equal(['data', 'close']);
        expect(nearEvents.events.filter((event) => event !== 'drain')).to.deep.equal(['open', 'close']);
        expect(farEvents.error).to.equal(null);
      });

      it('tells close exactly once and last on both sides after destroy, never from within it', async () => {
        const { near, nearEvents, farEvents } = await pair();
        near.destroy();
        near.destroy();
        expect(nearEvents.closed).to.equal(false);
        await under.until(() => farEvents.closed && nearEvents.closed);
        await settle();
        expect(nearEvents.events).to.deep.equal(['open', 'close']);
        expect(farEvents.events).to.deep.equal(['close']);
      });

      it('gives no bytes after destroy', async () => {
        const { near, far, farEvents } = await pair();
        far.destroy();
        near.write(Buffer.from('late'));
        await under.until(() => farEvents.closed);
        await settle();
        expect(farEvents.text).to.equal('');
      });

      it('tells close with an error and never open when nobody listens', async () => {
        const listener = await listen(under.address, () => new Recorder());
        let free = false;
        listener.close(() => {
          free = true;
        });
        await under.until(() => free);
        const events = new Recorder();
        env.network.connect(listener.address, events);
        await under.until(() => events.closed);
        await settle();
        expect(events.events).to.deep.equal(['close']);
        expect(events.error).to.be.instanceOf(Error);
      });

      it('tells close when it is destroyed before it is connected, and never open', async () => {
        const listener = await listen(under.address, () => new Recorder());
        const events = new Recorder();
        env.network.connect(listener.address, events).destroy();
        await under.until(() => events.closed);
        await settle();
        expect(events.events).to.deep.equal(['close']);
      });

      it('holds the writer back while the reader pauses, and loses nothing', async () => {
        const { near, nearEvents, far, farEvents } = await pair();
        far.pause();
        const piece = Buffer.alloc(1 << 20, 'x');
        let written = 0;
        let accepted = true;
        // The operating system holds a few megabytes before anything waits here.
        while (accepted || near.buffered() < piece.length) {
          accepted = near.write(piece);
          written += piece.length;
          expect(written).to.be.below(64 << 20);
          await settle();
        }
        await settle();
        expect(near.buffered()).to.be.above(0);
        expect(farEvents.text.length).to.be.below(written);
        expect(nearEvents.events).to.not.include('drain');
        far.resume();
        await under.until(() => near.buffered() === 0 && nearEvents.events.includes('drain'));
        await under.until(() => farEvents.chunks.reduce((sum, chunk) => sum + chunk.length, 0) === written);
      });

      it('refuses to listen where another listens', async () => {
        const listener = await listen(under.address, () => new Recorder());
        const outcome: { error?: Error | null; listener?: Listener | null } = {};
        env.network.listen(
          listener.address,
          () => new Recorder(),
          (error, second) => Object.assign(outcome, { error, listener: second }),
        );
        expect(outcome).to.deep.equal({});
        await under.until(() => outcome.error !== undefined);
        expect(outcome.error).to.have.property('code', 'EADDRINUSE');
        expect(outcome.listener).to.equal(null);
      });

      it('frees the port at once when a listener closes, and keeps the connections', async () => {
        const { near, farEvents, listener } = await pair();
        let free = false;
        listener.close(() => {
          free = true;
        });
        await under.until(() => free);
        await listen(listener.address, () => new Recorder());
        near.write(Buffer.from('still here'));
        await under.until(() => farEvents.text === 'still here');
      });

      it('names both ends', async () => {
        const { near, far, listener } = await pair();
        expect(near.remote).to.equal(listener.address);
        expect(far.remote).to.match(/:\d+$/);
      });
    });

    describe('scheduler', () => {
      it('runs timers in the order of their times, none early, and none that was cancelled', async () => {
        const { scheduler } = env;
        const start = scheduler.now();
        const ran: [number, number][] = [];
        for (const delay of [30, 10, 20]) scheduler.after(delay, () => ran.push([delay, scheduler.now() - start]));
        const cancelled = scheduler.after(15, () => ran.push([15, 0]));
        cancelled.cancel();
        await under.until(() => ran.length === 3);
        expect(ran.map(([delay]) => delay)).to.deep.equal([10, 20, 30]);
        for (const [delay, passed] of ran) expect(passed).to.be.at.least(delay);
        cancelled.cancel();
      });

      it('never runs a timer or a deferred task from within the call', async () => {
        const { scheduler } = env;
        const ran: string[] = [];
        scheduler.after(0, () => ran.push('after'));
        scheduler.defer(() => ran.push('defer'));
        expect(ran).to.deep.equal([]);
        await under.until(() => ran.length === 2);
      });

      it('runs deferred tasks in order', async () => {
        const ran: number[] = [];
        for (let i = 0; i < 5; i++) env.scheduler.defer(() => ran.push(i));
        await under.until(() => ran.length === 5);
        expect(ran).to.deep.equal([0, 1, 2, 3, 4]);
      });

      it('never goes back', async () => {
        let last = env.scheduler.now();
        for (let i = 0; i < 10; i++) {
          await settle();
          expect(env.scheduler.now()).to.be.above(last);
          last = env.scheduler.now();
        }
      });
    });

    describe('random', () => {
      it('gives integers below 2^32 that differ', () => {
        const drawn = Array.from({ length: 2000 }, () => env.random.uint32());
        for (const one of drawn) expect(one).to.equal(one >>> 0);
        expect(new Set(drawn).size).to.be.above(1900);
        expect(drawn.filter((one) => one >= 2 ** 31).length).to.be.within(800, 1200);
      });
    });
  });
}
