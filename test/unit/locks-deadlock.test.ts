/** Deadlocks: found in the entry that closes the circle, one victim a circle, the youngest, told the whole of it. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { LockMode } from '../../protocol/operations.js';
import { type Asked, LockGroup, type Party, threeParties } from './lock-words.js';

/** How one owner of a ring comes to wait for the next. */
type Link =
  /** The next one holds what this one asks for. */
  | { readonly by: 'hold'; readonly held: LockMode; readonly asked: LockMode }
  /** Both hold it, and this one wants it for itself. */
  | { readonly by: 'conversion'; readonly held: 's' | 'u' }
  /** Nobody holds it, but the next one stands in front in line: it asks for this lock and, at once, for what it cannot have. */
  | { readonly by: 'line'; readonly front: LockMode; readonly asked: LockMode };

const clashing = fc.constantFrom<[LockMode, LockMode][]>(
  ['x', 's'],
  ['x', 'u'],
  ['x', 'x'],
  ['u', 'u'],
  ['u', 'x'],
  ['s', 'x'],
);
const hold = clashing.map(([held, asked]): Link => ({ by: 'hold', held, asked }));
const conversion = fc.constantFrom('s' as const, 'u' as const).map((held): Link => ({ by: 'conversion', held }));
const line = clashing.map(([front, asked]): Link => ({ by: 'line', front, asked }));
/** Who comes last can be waited for only by what it holds. */
const ring = fc.integer({ min: 2, max: 6 }).chain((length) =>
  fc.record({
    links: fc.tuple(
      fc.array(fc.oneof(hold, conversion, line), { minLength: length - 1, maxLength: length - 1 }),
      fc.oneof(hold, conversion),
    ),
    /** In which order they take what they hold: the last to do so is the youngest. */
    ages: fc.shuffledSubarray([...Array(length).keys()], { minLength: length }),
    /** Owners of how many sessions they are. */
    sessions: fc.integer({ min: 1, max: length }),
    converts: fc.boolean(),
    spare: fc.boolean(),
  }),
);

describe('deadlocks', () => {
  it('of 2 to 6 owners in all modes, through holders, lines, conversions and several locks at once, cost one request each', () => {
    let found = 0;
    fc.assert(
      fc.property(ring, ({ links: [first, last], ages, sessions, converts, spare }) => {
        const links = [...first, last];
        const { length } = links;
        const group = new LockGroup();
        const parties = Array.from({ length: sessions }, () => group.session());
        const party = (i: number): Party => parties[i % sessions] as Party;
        const births = new Map<number, number>();
        const ask = (i: number, locks: string[], wait = 0): Asked => {
          if (!births.has(i)) births.set(i, group.c.index + 1);
          return party(i).acquire(...locks, { owner: 10 + i, wait });
        };
        for (const i of ages) {
          const before = links[(i + length - 1) % length];
          const own = links[i];
          const held = [
            ...(before?.by === 'hold' ? [`lock${(i + length - 1) % length}:${before.held}`] : []),
            ...(before?.by === 'conversion' ? [`lock${(i + length - 1) % length}:s`] : []),
            ...(own?.by === 'conversion' ? [`lock${i}:${own.held}`] : []),
          ];
          if (held.length > 0) expect(ask(i, held).now).to.be.an('array');
        }
        const asked: Asked[] = [];
        for (let i = length - 1; i >= 0; i--) {
          const before = i > 0 ? links[i - 1] : undefined;
          const own = links[i] as Link;
          const front = before?.by === 'line' ? [`lock${i - 1}:${before.front}`] : [];
          const next = `lock${i}:${own.by === 'conversion' ? 'x' : own.asked}`;
          const single = own.by === 'conversion' && front.length === 0 && converts;
          asked[i] = single
            ? party(i).convert(next, { owner: 10 + i, wait: 1000 })
            : ask(i, [...front, next, ...(spare ? [`spare${i}`] : [])], 1000);
          if (i > 0) expect(asked.slice(i).map(({ now }) => now)).to.deep.equal(Array(length - i).fill('PENDING'));
        }
        const youngest = [...births].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
        const victims = asked.flatMap(({ now }, i) => (now === 'DEADLOCK' ? [i] : []));
        expect(victims, 'one victim, in this very entry').to.deep.equal([youngest]);
        const { reason, birth, cycle } = (asked[youngest] as Asked).details;
        const named = links.map((_, k) => {
          const i = (youngest + k) % length;
          return [party(i).session, 10 + i, `lock${i}`];
        });
        expect(
          (cycle as { session: number; owner: number; lock: string }[]).map((one) => [
            one.session,
            one.owner,
            one.lock,
          ]),
        ).to.deep.equal(named);
        expect([reason, birth]).to.deep.equal(['cycle', births.get(youngest)]);
        // It lets go of all that it holds, and so do the others once they have had everything.
        const done = new Set([youngest]);
        const letGo = (i: number): void => {
          for (const lock of [...links.keys()].flatMap((k) => [`lock${k}`, `spare${k}`])) {
            const { now } = party(i).release(lock, { owner: 10 + i });
            if (!Array.isArray(now)) expect(now).to.equal('NOT_HOLDER');
          }
        };
        letGo(youngest);
        while (done.size < length) {
          const next = asked.findIndex(({ now }, i) => !done.has(i) && Array.isArray(now));
          expect(next, 'nobody is left to wait').to.be.at.least(0);
          done.add(next);
          letGo(next);
        }
        expect(group.kept()).to.deep.equal({});
        found += group.locks.counts.deadlocks;
      }),
      { numRuns: 1000 },
    );
    expect(found).to.equal(1000);
  }).timeout(60_000);

  describe('one by one', () => {
    let { group, a, b, c } = threeParties();

    beforeEach(() => {
      ({ group, a, b, c } = threeParties());
    });

    it('say in words and in facts who waits for whom because of what', () => {
      const first = a.acquire('red');
      b.acquire('blue');
      a.acquire('blue:s', { wait: 1000 });
      const closing = b.acquire('red:u', { wait: 1000 });
      expect(closing.now).to.equal('DEADLOCK');
      expect(closing.message).to.equal(
        `a circle: ${b.session}/1 waits for red (u) because of ${a.session}/1, ${a.session}/1 waits for blue (s) because of ${b.session}/1`,
      );
      expect(closing.details).to.deep.equal({
        reason: 'cycle',
        birth: first.token + 1,
        cycle: [
          { session: b.session, owner: 1, lock: 'red', mode: 2, holds: 3 },
          { session: a.session, owner: 1, lock: 'blue', mode: 1, holds: 3 },
        ],
        length: 2,
      });
    });

    it('take the youngest, though another closes the circle', () => {
      a.acquire('red');
      b.acquire('blue');
      const younger = b.acquire('red', { wait: 1000 });
      const older = a.acquire('blue', { wait: 1000 });
      expect([younger.now, older.now]).to.deep.equal(['DEADLOCK', 'PENDING']);
      b.release('blue');
      expect(older.now).to.deep.equal([['blue', 3, group.lock('blue')?.token]]);
    });

    it('let the requester have at once what their victim stood in front of', () => {
      a.acquire('red');
      const victim = b.acquire('green', 'red', { wait: 1000 });
      const closing = a.acquire('green:s', { wait: 1000 });
      expect(victim.now).to.equal('DEADLOCK');
      expect(closing.outcome, 'not pending first').to.have.property('form', 'result');
      expect(group.lock('green')?.holders).to.deep.equal([`${a.session}/1 s`]);
    });

    it('are not seen where an owner waits for itself', () => {
      a.acquire('red');
      b.acquire('red', { wait: 1000 });
      expect(a.acquire('red').now).to.be.an('array');
      a.acquire('blue:s');
      c.acquire('blue:s');
      expect(a.acquire('blue', { wait: 1000 }).now).to.equal('PENDING');
      expect(a.acquire('blue', { wait: 1000 }).now, 'and behind that').to.equal('PENDING');
      expect(group.locks.counts.deadlocks).to.equal(0);
    });

    it('spare who has tried before: a birth that was told makes old', () => {
      a.acquire('red');
      b.acquire('blue');
      a.acquire('blue', { wait: 1000 });
      const refused = b.acquire('red', { wait: 1000 });
      const birth = refused.details['birth'] as number;
      b.release('blue');
      a.release('red');
      a.release('blue');
      // a begins anew and is younger than b now.
      a.acquire('red');
      b.acquire('blue', { birth });
      const young = a.acquire('blue', { wait: 1000 });
      expect([b.acquire('red', { wait: 1000 }).now, young.now]).to.deep.equal(['PENDING', 'DEADLOCK']);
    });

    it('of one command with two circles cost one request for each', () => {
      a.acquire('red');
      b.acquire('blue:s');
      c.acquire('blue:s');
      const first = b.acquire('red', { wait: 1000 });
      const second = c.acquire('red', { wait: 1000 });
      expect(a.acquire('blue', { wait: 1000 }).now).to.equal('PENDING');
      expect([first.now, second.now]).to.deep.equal(['DEADLOCK', 'DEADLOCK']);
      expect(group.locks.counts.deadlocks).to.equal(2);
    });

    it('come about also by a conversion that is granted at once: it passes those who wait', () => {
      a.acquire('shared:s');
      b.acquire('own');
      c.acquire('busy');
      const passed = b.acquire('shared:u', 'busy', { wait: 1000 });
      a.acquire('own', { wait: 1000 });
      expect(passed.now, 'it waits for c only').to.equal('PENDING');
      expect(a.convert('shared:u').now).to.be.an('array');
      expect(passed.now).to.equal('DEADLOCK');
    });

    it('are no matter of trying: who does not wait is told that it would block', () => {
      a.acquire('red');
      b.acquire('blue');
      a.acquire('blue', { wait: 1000 });
      expect(b.acquire('red').now).to.equal('WOULD_BLOCK');
    });

    it('of two who share and both want it alone: the second is told at once', () => {
      a.acquire('red:s');
      b.acquire('red:s');
      const first = b.convert('red', { wait: 1000 });
      const second = a.convert('red', { wait: 1000 });
      expect([first.now, second.now]).to.deep.equal(['PENDING', 'DEADLOCK']);
      expect(second.details).to.deep.include({ reason: 'upgrade' });
      expect(second.details['cycle']).to.deep.equal([
        { session: a.session, owner: 1, lock: 'red', mode: 3, holds: 1 },
        { session: b.session, owner: 1, lock: 'red', mode: 3, holds: 1 },
      ]);
      expect(a.acquire('red').now, 'by trying likewise').to.equal('DEADLOCK');
      a.release('red');
      expect(first.now).to.deep.equal(['red', 3, group.lock('red')?.token]);
    });

    it('need not be: who will write later asks for mode u first', () => {
      a.acquire('red:s');
      b.acquire('red:u');
      expect(c.acquire('red:u').now, 'one at a time').to.equal('WOULD_BLOCK');
      const upgrade = b.convert('red', { wait: 1000 });
      a.release('red');
      expect(upgrade.now).to.be.an('array');
    });
  });
});
