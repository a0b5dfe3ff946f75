/** The turn: what arrives together ends in one turn, and a timer that comes before waiting input is not believed. */
import { expect } from 'chai';
import { Turn } from '../../node/turn.js';
import type { Scheduler } from '../../protocol/env.js';
import { VirtualTime } from './virtual-time.js';

/** An event loop run by hand, phase by phase: what is deferred in a phase runs in the next one. */
class Loop implements Scheduler {
  #timers: (() => void)[] = [];
  #deferred: (() => void)[] = [];

  now(): number {
    return 0;
  }
  after(_delay_ms: number, task: () => void): { cancel(): void } {
    this.#timers.push(task);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== task);
      },
    };
  }
  defer(task: () => void): void {
    this.#deferred.push(task);
  }
  timers(): void {
    for (const task of this.#timers.splice(0)) task();
  }
  defers(): void {
    for (const task of this.#deferred.splice(0)) task();
  }
}

describe('a turn', () => {
  let time: VirtualTime;
  let turn: Turn;
  let events: string[];
  /** The deadline that the end of a turn tells, and the one from the next tick on. */
  let deadline: number;
  let next: number;
  let onEnd: () => void;

  beforeEach(() => {
    time = new VirtualTime();
    events = [];
    deadline = Number.POSITIVE_INFINITY;
    next = Number.POSITIVE_INFINITY;
    onEnd = () => {};
    turn = new Turn(time, {
      tick: (now) => {
        events.push(`tick ${now}`);
        deadline = next;
        next = Number.POSITIVE_INFINITY;
      },
      end: (now) => {
        events.push(`end ${now}`);
        onEnd();
        return deadline;
      },
    });
  });

  it('ends once for everything that arrived before, and not from within the call', () => {
    for (let i = 0; i < 5; i++) turn.wake();
    expect(events).to.deep.equal([]);
    time.settle();
    expect(events).to.deep.equal(['end 0']);
  });

  it('ends again for what happens at its end', () => {
    onEnd = () => {
      onEnd = () => {};
      turn.wake();
    };
    turn.wake();
    time.settle();
    expect(events).to.deep.equal(['end 0', 'end 0']);
  });

  it('ticks at the deadline and ends, then waits for the next one', () => {
    deadline = 100;
    turn.wake();
    time.settle();
    next = 250;
    time.pass(99);
    expect(events).to.deep.equal(['end 0']);
    time.pass(1);
    expect(events).to.deep.equal(['end 0', 'tick 100', 'end 100']);
    time.pass(1000);
    expect(events.slice(3)).to.deep.equal(['tick 250', 'end 250']);
  });

  it('comes earlier when a turn ends with an earlier deadline', () => {
    deadline = 1000;
    turn.wake();
    time.settle();
    deadline = 200;
    turn.wake();
    time.pass(200);
    expect(events).to.include('tick 200');
  });

  it('does not hurry for a deadline that has moved later: the early timer ticks once and is set anew', () => {
    deadline = 100;
    turn.wake();
    time.settle();
    for (let at = 10; at <= 90; at += 10) {
      time.pass(10);
      deadline = at + 100;
      turn.wake();
      time.settle();
    }
    events = [];
    next = 190;
    time.pass(99);
    expect(events).to.deep.equal(['tick 100', 'end 100']);
    time.pass(1);
    expect(events.slice(2)).to.deep.equal(['tick 190', 'end 190']);
  });

  it('takes a deadline that has passed for now', () => {
    time.pass(50);
    deadline = 20;
    turn.wake();
    time.settle();
    time.pass(1);
    expect(events).to.deep.equal(['end 50', 'tick 50', 'end 50']);
  });

  describe('after a stall of the loop', () => {
    let loop: Loop;

    beforeEach(() => {
      loop = new Loop();
      const end = () => {
        events.push('end');
        return 100;
      };
      turn = new Turn(loop, { tick: () => events.push('tick'), end });
      turn.wake();
      loop.defers();
      events = [];
      // It is late, the timer is due, and a heartbeat waits in a socket.
      loop.timers();
    });

    it('reads its input before it believes that time is up', () => {
      expect(events).to.deep.equal([]);
      events.push('heartbeat');
      loop.defers();
      loop.defers();
      expect(events.slice(0, 2)).to.deep.equal(['heartbeat', 'tick']);
    });

    it('looks twice: input that is read one deferral later still comes first', () => {
      loop.defers();
      events.push('heartbeat');
      loop.defers();
      loop.defers();
      expect(events).to.deep.equal(['heartbeat', 'tick', 'end']);
    });

    it('does nothing when it is stopped between the timer and the second look', () => {
      turn.stop();
      loop.defers();
      loop.defers();
      expect(events).to.deep.equal([]);
    });
  });

  it('does nothing more once it is stopped', () => {
    deadline = 100;
    turn.wake();
    time.settle();
    turn.wake();
    turn.stop();
    turn.wake();
    time.pass(1000);
    expect(events).to.deep.equal(['end 0']);
  });
});
