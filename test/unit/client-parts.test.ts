/** Promises of the small parts: alarms ring in order and on time, leaders are believed by term, pauses grow and are jittered. */
import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Alarms, Reminder, UNSET } from '../../protocol/client/alarms.js';
import { Backoff } from '../../protocol/client/backoff.js';
import { Leaders } from '../../protocol/client/leaders.js';
import { FakeWorld } from './fake-world.js';

describe('client: alarms', () => {
  it('ring in the order of their times, whatever is set, moved and taken back meanwhile', async () => {
    const step = fc.record({ alarm: fc.nat(19), delay_ms: fc.nat(500), clear: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
        const world = new FakeWorld();
        const alarms = new Alarms(world.scheduler);
        const expected = new Map<number, number>();
        const rung: [number, number][] = [];
        const reminders = Array.from(
          { length: 20 },
          (_, i) => new Reminder(() => rung.push([i, reminders[i]?.at_ms ?? 0])),
        );
        for (const { alarm, delay_ms, clear } of steps) {
          const reminder = reminders[alarm] as Reminder;
          if (clear) {
            alarms.clear(reminder);
            expected.delete(alarm);
          } else {
            alarms.set(reminder, delay_ms);
            expected.set(alarm, reminder.at_ms);
          }
        }
        await world.pass(1000);
        const times = rung.map(([, at_ms]) => at_ms);
        expect(times).to.deep.equal([...times].sort((a, b) => a - b));
        expect(new Map(rung)).to.deep.equal(expected);
        expect(rung).to.have.length(expected.size);
        expect(reminders.every(({ slot }) => slot === UNSET)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

  it('ring no earlier than set, one timer serving all', async () => {
    const world = new FakeWorld();
    let timers = 0;
    const { after } = world.scheduler;
    world.scheduler.after = (delay_ms, task) => {
      timers++;
      return after(delay_ms, task);
    };
    const alarms = new Alarms(world.scheduler);
    const start = world.scheduler.now();
    let rung = 0;
    for (let i = 0; i < 1000; i++)
      alarms.set(
        new Reminder(() => {
          rung++;
          expect(world.scheduler.now() - start).to.be.at.least(100);
        }),
        100 + i / 1000,
      );
    expect(timers).to.equal(1);
    await world.pass(200);
    expect(rung).to.equal(1000);
  });

  it('ring no more once stopped', async () => {
    const world = new FakeWorld();
    const alarms = new Alarms(world.scheduler);
    let rung = 0;
    const reminder = new Reminder(() => rung++);
    alarms.set(reminder, 10);
    alarms.stop();
    alarms.set(reminder, 10);
    await world.pass(100);
    expect(rung).to.equal(0);
  });

  it('may be set again while they ring', async () => {
    const world = new FakeWorld();
    const alarms = new Alarms(world.scheduler);
    let rung = 0;
    const reminder = new Reminder(() => {
      if (++rung < 5) alarms.set(reminder, 0);
    });
    alarms.set(reminder, 0);
    await world.pass(100);
    expect(rung).to.equal(5);
  });
});

describe('client: leaders', () => {
  it('follows the highest term, whoever tells', () => {
    const leaders = new Leaders();
    expect(leaders.learn('s0', 5, 'n1', 'n1')).to.equal(true);
    expect(leaders.learn('s0', 4, 'n2', 'n2')).to.equal(false);
    expect(leaders.of('s0')).to.equal('n1');
    expect(leaders.learn('s0', 6, 'n3', 'n2')).to.equal(true);
    expect(leaders.of('s0')).to.equal('n3');
    expect(leaders.of('c')).to.equal('');
  });

  it('believes only the leader itself that it leads no more', () => {
    const leaders = new Leaders();
    leaders.learn('s0', 5, 'n1', 'n1');
    expect(leaders.learn('s0', 6, '', 'n2')).to.equal(false);
    expect(leaders.of('s0')).to.equal('n1');
    expect(leaders.learn('s0', 6, '', 'n1')).to.equal(true);
    expect(leaders.of('s0')).to.equal('');
  });

  it('takes a hint for the refuser’s own part only', () => {
    const leaders = new Leaders();
    leaders.learn('s0', 5, 'n1', 'n1');
    leaders.refused('s0', 'n2', 'n3');
    expect(leaders.of('s0')).to.equal('n1');
    leaders.refused('s0', 'n1', 'n3');
    expect(leaders.of('s0')).to.equal('n3');
    leaders.refused('s0', 'n3', 'n3');
    expect(leaders.of('s0')).to.equal('');
  });

  it('counts an epoch for another leader and for the same one in a later term, not for what a hint told already', () => {
    const leaders = new Leaders();
    leaders.learn('s0', 5, 'n1', 'n1');
    const first = leaders.epoch('s0');
    expect(leaders.learn('s0', 6, 'n1', 'n2')).to.equal(true);
    expect(leaders.epoch('s0')).to.equal(first + 1);
    leaders.refused('s0', 'n1', 'n2');
    expect(leaders.epoch('s0')).to.equal(first + 2);
    expect(leaders.learn('s0', 7, 'n2', 'n3')).to.equal(false);
    expect(leaders.epoch('s0')).to.equal(first + 2);
  });
});

describe('client: backoff', () => {
  it('doubles up to its last span, jittered, and starts anew after a success', () => {
    const backoff = new Backoff(new FakeWorld(3).random, 50, 2000);
    for (const span of [50, 100, 200, 400, 800, 1600, 2000, 2000]) expect(backoff.next()).to.be.within(span / 2, span);
    backoff.reset();
    expect(backoff.next()).to.be.within(25, 50);
  });
});
