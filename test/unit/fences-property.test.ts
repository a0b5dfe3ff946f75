/** What fences are for: whoever reads fenced before writing fenced never overwrites a later holder, whatever is late, lost or repeated. */
import { expect } from 'chai';
import fc from 'fast-check';
import { fencesEntry } from '../../node/services/entry.js';
import { shardMachine } from '../../node/services/group-machine.js';
import { decode } from '../../protocol/codec.js';
import { Replica, valueBytes } from './replica.js';

/** Holders of one lock, one after the other: each has a session and a token of its own, and does not hear when it loses the lock. */
const HOLDERS = 5;
const tokenOf = (holder: number) => 100 + 10 * holder;
const sessionOf = (holder: number) => 11 + holder;

/**
 * What may happen, in any order: a holder takes its next step (look how many values there are, write that number as the next value);
 * the last command of one arrives again; a dead one begins to wait for a value; those before a holder are known to hold nothing.
 */
type Deed = { readonly do: 'step' | 'repeat' | 'lurk' | 'floor'; readonly holder: number };

const deeds = fc.array(
  fc.record({
    do: fc.constantFrom<Deed['do'][]>('step', 'step', 'step', 'step', 'repeat', 'lurk', 'floor'),
    holder: fc.nat(HOLDERS - 1),
  }),
  { maxLength: 80, size: 'max' },
);

/** The values that the holders wrote, as they stand in the queue at the end, and how many a lurker has got hold of. */
interface End {
  readonly values: readonly number[];
  readonly written: number;
  readonly stolen: number;
}

/** Lets it happen to a real group; `fenced`: what the holders' commands carry. */
function play(list: readonly Deed[], fenced: { readonly reads: boolean; readonly writes: boolean }): End {
  const s0 = new Replica(shardMachine('s0'));
  const lanes = new Map<number, number>();
  const last = new Map<number, () => void>();
  /** What each holder has read and not written on; undefined: it is to read. */
  const read = new Map<number, number>();
  /** Those who wait have given up everything else. */
  const lurking = new Set<number>();
  let written = 0;
  let stolen = 0;
  let floor = 0;

  const run = (holder: number, deed: (lane: number) => void) => {
    const lane = (lanes.get(holder) ?? 0) + 1;
    lanes.set(holder, lane);
    last.set(holder, () => deed(lane));
    deed(lane);
  };
  const fence = (holder: number, is: boolean) => (is ? `lock:${tokenOf(holder)}` : '');

  const step = (holder: number) => {
    if (lurking.has(holder)) return;
    const known = read.get(holder);
    run(holder, (lane) => {
      const session = sessionOf(holder);
      if (known === undefined) {
        const size = fenced.reads
          ? s0.ask(session, lane, 'queue.size', [], { fence: fence(holder, true) })
          : s0.look('queue.size', []);
        if (!fenced.reads) s0.ask(session, lane, 'lane.confirm', [[]]);
        if (typeof size === 'number') read.set(holder, size);
        return;
      }
      const before = s0.look('queue.size', []);
      const { outcome, settled } = s0.run(session, lane, 'queue.enqueue', [valueBytes(known)], {
        fence: fence(holder, fenced.writes),
      });
      stolen += settled.filter((one) => one.outcome.form === 'result').length;
      if (outcome?.form === 'result' && s0.look('queue.size', []) !== before) written++;
      read.delete(holder);
    });
  };
  const lurk = (holder: number) => {
    if (lurking.has(holder) || s0.look('queue.size', []) !== 0) return;
    lurking.add(holder);
    run(holder, (lane) => {
      s0.run(sessionOf(holder), lane, 'queue.dequeue', [1_000_000], { fence: fence(holder, fenced.writes) });
    });
  };

  for (const { do: what, holder } of list) {
    if (what === 'step') step(holder);
    else if (what === 'repeat') last.get(holder)?.();
    else if (what === 'lurk') lurk(holder);
    else {
      floor = Math.max(floor, tokenOf(holder));
      s0.apply(fencesEntry(floor));
    }
  }
  const values: number[] = [];
  for (let lane = 1; ; lane++) {
    const message = s0.ask(99, lane, 'queue.dequeue', [0]);
    if (!Array.isArray(message)) return { values, written, stolen };
    values.push(decode(message[1] as Buffer) as number);
  }
}

/** Every value is the number of those before it: each was written by one who knew of all the others. */
function isWhole({ values }: End): boolean {
  return values.every((value, i) => value === i);
}

describe('fenced holders of a lock', () => {
  it('lose no update, however late, often or long after their time their commands arrive', () => {
    let updates = 0;
    fc.assert(
      fc.property(deeds, (list) => {
        const end = play(list, { reads: true, writes: true });
        expect(end.values).to.deep.equal(end.values.map((_, i) => i));
        updates += end.written;
      }),
      { numRuns: 1000 },
    );
    // A run in which nobody writes shows nothing.
    expect(updates).to.be.above(1000);
  });

  for (const [name, fenced] of [
    ['they fence nothing', { reads: false, writes: false }],
    ['their reads carry no fence', { reads: false, writes: true }],
  ] as const)
    it(`lose updates where ${name}: the check above would see it`, () => {
      const found = fc.check(
        fc.property(deeds, (list) => isWhole(play(list, fenced))),
        { numRuns: 1000 },
      );
      expect(found.failed).to.equal(true);
    });

  it('are not robbed by a predecessor that has waited since its own time', () => {
    let tried = 0;
    fc.assert(
      fc.property(deeds, (list) => {
        // Somebody waits from the start; everybody else comes later.
        const waits: Deed = { do: 'lurk', holder: 0 };
        const end = play([waits, ...list.filter(({ do: what, holder }) => what !== 'lurk' && holder > 0)], {
          reads: true,
          writes: true,
        });
        expect(end.stolen).to.equal(0);
        tried += end.written;
      }),
      { numRuns: 300 },
    );
    expect(tried).to.be.above(100);
  });
});
