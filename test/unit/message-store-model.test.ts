/** The store of messages against a list that is copied at every cut, whatever is done to both. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Messages } from '../../node/services/messages/messages.js';
import { MessageBase, shownRows } from './message-base.js';

type Step =
  | { do: 'append'; queue: string; lengths: readonly number[]; skip: number }
  | { do: 'shift'; queue: string; count: number }
  | { do: 'remove'; queue: string; which: readonly number[] }
  | { do: 'cut' }
  | { do: 'write'; bytes: number; to_end: boolean }
  | { do: 'shrink'; bytes: number }
  | { do: 'prefetch'; bytes: number }
  | { do: 'restart'; memory: number };

interface Kept {
  readonly id: number;
  readonly body: Buffer;
}

/** Queues of a model, by name, their messages by id. */
type Lists = Map<string, Kept[]>;

const QUEUES = ['jobs', 'a', 'jobs-2'];

const queue = fc.constantFrom(...QUEUES);
const length = fc.oneof(
  { weight: 20, arbitrary: fc.nat(40) },
  { weight: 3, arbitrary: fc.constantFrom(300, 9000, 30_000) },
  { weight: 1, arbitrary: fc.constantFrom(65_536, 80_000) },
);
const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.array(length, { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 600 }).map((count) => new Array<number>(count).fill(3)) },
);
const bytes = fc.constantFrom(0, 1, 500, 20_000, 100_000, 1 << 30);
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(queue, lengths, fc.constantFrom(0, 0, 0, 1, 5, 1000, 2 ** 33))
        .map(([to, of, skip]): Step => ({ do: 'append', queue: to, lengths: of, skip })),
    },
    {
      weight: 6,
      arbitrary: fc
        .tuple(queue, fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constantFrom(200, 1000)))
        .map(([from, count]): Step => ({ do: 'shift', queue: from, count })),
    },
    {
      weight: 5,
      arbitrary: fc
        .tuple(queue, fc.array(fc.nat(2000), { maxLength: 30 }))
        .map(([from, which]): Step => ({ do: 'remove', queue: from, which })),
    },
    { weight: 5, arbitrary: fc.constant<Step>({ do: 'cut' }) },
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.constantFrom(0, 1, 100, 2000, 50_000), fc.boolean())
        .map(([of, to_end]): Step => ({ do: 'write', bytes: of, to_end })),
    },
    { weight: 4, arbitrary: bytes.map((to): Step => ({ do: 'shrink', bytes: to })) },
    { weight: 4, arbitrary: bytes.map((of): Step => ({ do: 'prefetch', bytes: of })) },
    { weight: 1, arbitrary: bytes.map((memory): Step => ({ do: 'restart', memory })) },
  ),
  { maxLength: 60, size: 'max' },
);

/** The store, and next to it lists. */
class Pair {
  readonly base = new MessageBase();
  store = new Messages({ read: this.base.read, load_bytes_max: 0 });
  lists: Lists = emptyLists();
  /** The lists as they were at the cut under way, and at the last one that was flushed. */
  atCut: Lists | undefined;
  flushed: Lists = emptyLists();
  /** Since the last cut. */
  private appended = false;
  private next = 1;

  take(step: Step): void {
    switch (step.do) {
      case 'append':
        for (const one of step.lengths) this.append(step.queue, one);
        this.next += step.skip;
        break;
      case 'shift':
        for (let i = 0; i < step.count; i++) this.shift(step.queue);
        break;
      case 'remove':
        for (const which of step.which) this.remove(step.queue, which);
        break;
      case 'cut':
        if (this.atCut !== undefined) break;
        this.atCut = copyOf(this.lists);
        this.appended = false;
        this.store.cut();
        expect(this.store.dirty, 'nothing has changed since the cut').to.equal(0);
        break;
      case 'write':
        if (this.atCut !== undefined) this.write(step.bytes, step.to_end, this.atCut);
        break;
      case 'shrink':
        this.store.shrink(step.bytes);
        if (this.atCut === undefined && this.store.dirty === 0) {
          const spare = this.appended ? QUEUES.length * 65_536 : 0;
          expect(this.store.resident, 'all is clean, but chunks may be kept for more').to.be.at.most(
            step.bytes + spare,
          );
        }
        break;
      case 'prefetch':
        this.store.prefetch(step.bytes);
        break;
      case 'restart':
        this.store = new Messages({ read: this.base.read, load_bytes_max: step.memory });
        this.base.lose();
        this.base.restore(this.store);
        this.lists = copyOf(this.flushed);
        this.atCut = undefined;
        expect(this.store.dirty, 'what was loaded is clean').to.equal(0);
        expect(this.store.resident, 'a chunk of each queue too many').to.be.at.most(step.memory + 3 * 65_536);
        break;
    }
  }

  check(): void {
    let size = 0;
    for (const name of QUEUES) {
      const list = this.list(name);
      const backlog = this.store.of(name);
      expect(backlog.size).to.equal(list.length);
      expect(backlog.bytes).to.equal(list.reduce((sum, { body }) => sum + body.length, 0));
      const first = backlog.first();
      expect(first?.id).to.equal(list[0]?.id);
      if (first !== undefined) same(first.body, list[0]?.body);
      size += list.length;
    }
    expect(this.store.size).to.equal(size);
  }

  private append(name: string, of: number): void {
    const body = Buffer.alloc(of, `${this.next}.`);
    const id = this.next++;
    this.appended = true;
    this.list(name).push({ id, body: Buffer.from(body) });
    this.store.of(name).append(id, body);
    body.fill(0);
  }

  private shift(name: string): void {
    const first = this.store.of(name).first();
    const expected = this.list(name).shift();
    expect(first?.id).to.equal(expected?.id);
    if (first === undefined) return;
    expect(this.store.of(name).remove(first.id)).to.equal(true);
    same(first.body, expected?.body);
  }

  private remove(name: string, which: number): void {
    const list = this.list(name);
    const backlog = this.store.of(name);
    const at = list.length === 0 ? 0 : which % list.length;
    const one = list[at];
    expect(backlog.remove(this.next + 1), 'an id to come').to.equal(false);
    if (one === undefined) return;
    same(backlog.body(one.id), one.body);
    expect(backlog.remove(one.id)).to.equal(true);
    expect(backlog.remove(one.id), 'twice').to.equal(false);
    expect(backlog.body(one.id)).to.equal(undefined);
    list.splice(at, 1);
  }

  private write(of: number, to_end: boolean, atCut: Lists): void {
    let all = this.base.take(this.store, of);
    while (to_end && !all) all = this.base.take(this.store, Math.max(of, 100));
    if (!all) return;
    const there = new Map([...atCut].map(([name, list]) => [name, new Set(list.map(({ id }) => id))]));
    for (const [name, id] of this.base.messagesTold())
      expect(
        there.get(name)?.has(id),
        `message ${id}, told for the first time or again, was there at the cut`,
      ).to.equal(true);
    this.base.flush(this.store);
    expect(shownRows(this.base.restored())).to.deep.equal(shownRows(storeOf(atCut)));
    this.flushed = atCut;
    this.atCut = undefined;
  }

  private list(name: string): Kept[] {
    return this.lists.get(name) as Kept[];
  }
}

describe('the store of messages, whatever happens to it,', () => {
  it('has what lists would have, and puts into the base what they held at the cut', function () {
    this.timeout(20_000);
    fc.assert(
      fc.property(steps, (list) => {
        const pair = new Pair();
        for (const step of list) {
          pair.take(step);
          pair.check();
        }
        expect(shownRows(pair.store), 'rows are those of a store with no past').to.deep.equal(
          shownRows(storeOf(pair.lists)),
        );
        for (const name of QUEUES) pair.take({ do: 'shift', queue: name, count: pair.store.of(name).size });
        while (pair.atCut !== undefined) pair.take({ do: 'write', bytes: 1000, to_end: true });
        pair.base.checkpoint(pair.store);
        pair.store.shrink(0);
        expect(pair.base.rows.size, 'of nothing nothing is left').to.equal(0);
        expect(pair.store.resident).to.equal(0);
      }),
      { numRuns: 80 },
    );
  });
});

/** A store in which these messages are all that ever happened. */
function storeOf(lists: Lists): Messages {
  const store = new Messages();
  for (const [name, list] of lists) for (const { id, body } of list) store.of(name).append(id, body);
  return store;
}

function emptyLists(): Lists {
  return new Map(QUEUES.map((name) => [name, []]));
}

function copyOf(lists: Lists): Lists {
  return new Map([...lists].map(([name, list]) => [name, [...list]]));
}

function same(body: Buffer | undefined, expected: Buffer | undefined): void {
  expect(body !== undefined && expected !== undefined && body.equals(expected), 'the body').to.equal(true);
}
