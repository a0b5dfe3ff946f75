/** The store of messages: bodies come and go between memory and the base, and nobody can tell by what is answered. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Messages } from '../../node/services/messages/messages.js';
import { MessageBase, type ShownRow, shownRows } from './message-base.js';

/** A store over a base, with words to fill and to empty its queues. */
function stored(load_bytes_max = 0) {
  const base = new MessageBase();
  const open = () => new Messages({ read: base.read, load_bytes_max });
  return { base, open, store: open() };
}

/** Appends messages first .. last, of so many bytes each. */
function fill(store: Messages, first: number, last: number, bytes: number, queue = 'jobs'): void {
  for (let id = first; id <= last; id++) store.of(queue).append(id, bodyOf(id, bytes));
}

/** Takes so many from the front, and looks at each. */
function drain(store: Messages, count: number, bytes: number, queue = 'jobs'): void {
  for (let i = 0; i < count; i++) {
    const first = store.of(queue).first();
    if (first === undefined) throw new Error(`${queue} is empty after ${i} messages`);
    if (!first.body.equals(bodyOf(first.id, bytes))) throw new Error(`message ${first.id} has another body`);
    store.of(queue).remove(first.id);
  }
}

function bodyOf(id: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${id};`);
}

describe('the store of messages', () => {
  describe('in memory', () => {
    it('keeps the bytes of a body as they are, and not the memory they came in', () => {
      const { store } = stored();
      const lengths = [0, 1, 5000, 65_535, 65_536, 65_537, 300_000, 2];
      const memory = lengths.map((bytes, i) => bodyOf(i + 1, bytes));
      for (const [i, body] of memory.entries()) store.of('jobs').append(i + 1, body);
      for (const body of memory) body.fill(0);
      for (const [i, bytes] of lengths.entries()) {
        expect(
          store
            .of('jobs')
            .body(i + 1)
            ?.equals(bodyOf(i + 1, bytes)),
          `${bytes} bytes`,
        ).to.equal(true);
      }
    });

    it('leaves a body that was handed out as it is, whatever comes and goes', () => {
      const { base, store } = stored();
      fill(store, 1, 10, 100);
      const body = store.of('jobs').first()?.body;
      drain(store, 10, 100);
      fill(store, 11, 2000, 100);
      base.checkpoint(store);
      store.shrink(0);
      fill(store, 2001, 4000, 100);
      expect(body?.equals(bodyOf(1, 100))).to.equal(true);
    });

    it('finds and removes any message, and no other', () => {
      const { store } = stored();
      const jobs = store.of('jobs');
      for (let id = 5; id <= 5000; id += 5) jobs.append(id, bodyOf(id, 10));
      expect([0, 1, 4, 6, 2501, 5001, 9999].map((id) => jobs.body(id))).to.deep.equal(new Array(7).fill(undefined));
      expect(jobs.remove(2501)).to.equal(false);
      expect(jobs.remove(2500)).to.equal(true);
      expect(jobs.remove(2500)).to.equal(false);
      expect(jobs.body(2500)).to.equal(undefined);
      expect(jobs.body(2505)?.equals(bodyOf(2505, 10))).to.equal(true);
      expect([jobs.size, jobs.bytes]).to.deep.equal([999, 9990]);
    });

    it('holds no more for a queue that is always nearly empty, however much goes through', () => {
      const { store } = stored();
      const body = bodyOf(1, 256);
      const before = heapUsed();
      for (let id = 1; id <= 1_000_000; id++) {
        store.of('jobs').append(id, body);
        store.of('jobs').remove(id);
      }
      expect(heapUsed() - before).to.be.at.most(300_000);
      expect(store.resident).to.be.at.most(65_536);
      expect(store.indexed).to.be.at.most(8192);
    });

    it('gives memory back as messages go, wherever they stood', () => {
      const { store } = stored();
      fill(store, 1, 10_000, 256);
      const full = store.resident;
      expect(full).to.be.within(2_560_000, 2_700_000);
      for (let id = 2000; id <= 6999; id++) store.of('jobs').remove(id);
      expect(store.resident).to.be.at.most(full / 2 + 2 * 65_536);
      drain(store, 5000, 256);
      expect(store.resident).to.be.at.most(65_536);
    });

    it('keeps nothing on the heap for a message, and 24 bytes beside its body at most', function () {
      this.timeout(60_000);
      const { base, store } = stored();
      const count = 1_000_000;
      const body = Buffer.alloc(16, 7);
      const before = heapUsed();
      for (let id = 1; id <= count; id++) store.of('jobs').append(id, body);
      expect(heapUsed() - before, 'bytes of heap').to.be.at.most(8 * count);
      expect(store.indexed).to.be.at.most(24 * count);
      store.cut();
      while (!store.write({ full: false, put() {}, delete() {} }));
      base.flush(store);
      store.shrink(0);
      expect(store.resident).to.equal(0);
      expect(heapUsed() - before, 'bytes of heap when all bodies are away').to.be.at.most(8 * count);
    });
  });

  describe('at a cut', () => {
    it('tells nothing of a message that came and went since the last one', () => {
      const { base, store } = stored();
      fill(store, 1, 1000, 100);
      drain(store, 1000, 100);
      expect(store.dirty).to.equal(0);
      expect(base.checkpoint(store)).to.equal(0);
    });

    it('tells what changed since the last one, once', () => {
      const { base, store } = stored();
      fill(store, 1, 1000, 100);
      expect(store.dirty).to.be.within(100_000, 200_000);
      expect(base.checkpoint(store), 'chunks of 256').to.equal(4);
      expect(store.dirty).to.equal(0);
      expect(base.checkpoint(store)).to.equal(0);
      fill(store, 1001, 1003, 100);
      drain(store, 5, 100);
      const bytes = base.bytesTold;
      expect(base.checkpoint(store), 'three came, five went').to.equal(2);
      expect(base.bytesTold - bytes, 'no more than these').to.be.within(300, 500);
      expect(shownRows(base.restored())).to.deep.equal(shownRows(store));
    });

    it('never writes a body again because another message goes', () => {
      const { base, store } = stored();
      fill(store, 1, 10_000, 100);
      base.checkpoint(store);
      const bytes = base.bytesTold;
      for (let id = 1; id <= 10_000; id += 2) {
        store.of('jobs').remove(id);
        if (id % 1000 === 1) base.checkpoint(store);
      }
      base.checkpoint(store);
      expect(base.bytesTold - bytes).to.be.at.most(100 * 50);
      expect(shownRows(base.restored())).to.deep.equal(shownRows(store));
    });

    it('tells no body of a message that went before it, though its neighbours stay', () => {
      const { base, store } = stored();
      fill(store, 1, 256, 200);
      for (let id = 1; id <= 256; id++) if (id % 8 !== 0) store.of('jobs').remove(id);
      expect(base.checkpoint(store)).to.equal(1);
      expect(base.bytesTold).to.be.within(32 * 200, 32 * 200 + 400);
      fill(store, 257, 257, 200);
      expect(base.checkpoint(store)).to.equal(1);
      expect(shownRows(base.restored())).to.deep.equal(shownRows(store));
    });

    it('tells of a chunk of which all is gone no more than that', () => {
      const { base, store } = stored();
      fill(store, 1, 512, 100);
      drain(store, 10, 100);
      base.checkpoint(store);
      drain(store, 10, 100);
      base.checkpoint(store);
      expect(base.rows.size, 'bodies and states of one, bodies of the other').to.equal(3);
      drain(store, 492, 100);
      const bytes = base.bytesTold;
      expect(base.checkpoint(store, 1), 'in slices of one row').to.equal(3);
      expect(base.bytesTold - bytes).to.equal(0);
      expect(base.rows.size).to.equal(0);
      expect(base.checkpoint(store)).to.equal(0);
    });

    it('makes neither tiny chunks of messages that trickle in, nor writes many of them again', () => {
      const { base, store } = stored();
      for (let id = 1; id <= 1000; id++) {
        fill(store, id, id, 256);
        const bytes = base.bytesTold;
        expect(base.checkpoint(store)).to.equal(1);
        expect(base.bytesTold - bytes).to.be.at.most(20_000);
        store.shrink(0);
      }
      expect(base.rows.size, 'chunks').to.be.at.most(20);
      drain(store, 1000, 256);
    });

    it('tells messages as they stood at it, though they go before they are told', () => {
      const { base, store } = stored();
      fill(store, 1, 100, 1000);
      const then = shownRows(store);
      store.cut();
      expect(base.take(store, 20_000)).to.equal(false);
      drain(store, 100, 1000);
      fill(store, 101, 102, 10);
      while (!base.take(store, 20_000));
      base.flush(store);
      expect(shownRows(base.restored())).to.deep.equal(then);
      expect(base.checkpoint(store), 'and that they went').to.equal(3);
      expect(shownRows(base.restored())).to.deep.equal(shownRows(store));
    });

    it('tells which of its neighbours were gone at it, though more go before that is told', () => {
      const { base, store } = stored();
      fill(store, 1, 1000, 100);
      base.checkpoint(store);
      for (let id = 1; id <= 1000; id += 2) store.of('jobs').remove(id);
      const then = shownRows(store);
      store.cut();
      expect(base.take(store, 1)).to.equal(false);
      for (let id = 2; id <= 900; id += 2) store.of('jobs').remove(id);
      while (!base.take(store, 20));
      base.flush(store);
      expect(shownRows(base.restored())).to.deep.equal(then);
      base.checkpoint(store);
      expect(shownRows(base.restored())).to.deep.equal(shownRows(store));
    });

    it('keeps few bytes of stored messages that are all gone, until the base has heard of it', () => {
      const { base, store } = stored();
      fill(store, 1, 20_000, 100);
      base.checkpoint(store);
      drain(store, 20_000, 100);
      expect(store.resident + store.indexed).to.be.at.most(2 * 65_536);
      expect(base.checkpoint(store), 'a row a chunk').to.equal(Math.ceil(20_000 / 256));
      expect(base.rows.size).to.equal(0);
    });

    it('stops when a slice is full, and goes on there', () => {
      const { base, store } = stored();
      fill(store, 1, 20_000, 100);
      base.checkpoint(store);
      for (let id = 100; id <= 20_000; id += 200) store.of('jobs').remove(id);
      store.cut();
      let calls = 0;
      for (let all = false; !all; calls++) {
        const { told } = base;
        all = base.take(store, 100);
        expect(base.told - told, 'rows of a small slice').to.be.at.most(4);
      }
      expect(base.told, 'all chunks but the last').to.equal(Math.floor(20_000 / 256));
      expect(calls).to.be.greaterThan(20);
      base.flush(store);
      store.cut();
      expect(base.take(store, 1), 'nothing changed: nothing to tell').to.equal(true);
    });

    it('is one at a time', () => {
      const { base, store } = stored();
      fill(store, 1, 10, 100);
      store.cut();
      expect(() => store.cut()).to.throw('before the last one was flushed');
      expect(() => store.flushed()).to.throw('before it was told');
      while (!base.take(store, 100));
      base.flush(store);
      store.cut();
    });
  });

  describe('with bodies away', () => {
    it('lets go of those first that are farthest from being consumed, and answers as before', () => {
      const { base, store } = stored();
      fill(store, 1, 4000, 256);
      fill(store, 1, 1000, 256, 'near');
      const before = shownRows(store);
      base.checkpoint(store);
      store.shrink(640_000);
      expect(store.resident).to.be.within(500_000, 640_000);
      drain(store, 900, 256);
      drain(store, 900, 256, 'near');
      expect(base.reads, 'the front stayed').to.equal(0);
      drain(store, 3100, 256);
      expect(base.reads, 'the rest is read back, a chunk at a time').to.be.within(10, 16);
      const near = before.filter(([key]) => key.startsWith(hex('near')));
      const rest = restoredFrom(near);
      drain(rest, 900, 256, 'near');
      expect(shownRows(store)).to.deep.equal(shownRows(rest));
    });

    it('brings back what is left of a chunk, not what went from its front', () => {
      const { base, store } = stored();
      fill(store, 1, 240, 256);
      base.checkpoint(store);
      drain(store, 200, 256);
      base.checkpoint(store);
      store.shrink(0);
      drain(store, 1, 256);
      expect(store.resident).to.be.within(39 * 256, 40 * 256);
      drain(store, 39, 256);
    });

    it('never lets go of what the base has not', () => {
      const { base, store } = stored();
      fill(store, 1, 500, 256);
      const { resident } = store;
      store.shrink(0);
      expect(store.resident, 'not yet in a cut').to.equal(resident);
      store.cut();
      while (!base.take(store, 1 << 20));
      store.shrink(0);
      expect(store.resident, 'told, not flushed').to.equal(resident);
      base.flush(store);
      fill(store, 501, 501, 256);
      store.shrink(0);
      expect(store.resident, 'the chunk of the new one').to.be.within(256, 65_536);
      drain(store, 501, 256);
    });

    it('has the same rows, wherever the bodies are and however the messages came', () => {
      const { base, open, store } = stored(20_000);
      fill(store, 1, 1000, 256);
      drain(store, 300, 256);
      fill(store, 1, 10, 5, 'a');
      base.checkpoint(store);
      const rows = shownRows(store);
      store.shrink(50_000);
      expect(shownRows(store)).to.deep.equal(rows);
      const loaded = open();
      base.restore(loaded);
      expect(shownRows(loaded)).to.deep.equal(rows);
      const other = new Messages();
      fill(other, 1, 10, 5, 'a');
      fill(other, 301, 1000, 256);
      expect(shownRows(other)).to.deep.equal(rows);
    });

    it('breaks off when the base has not what it has to have', () => {
      const { base, store } = stored();
      fill(store, 1, 3, 10);
      base.checkpoint(store);
      store.shrink(0);
      const [key = ''] = base.rows.keys();
      const row = base.rows.get(key) as Buffer;
      const met = (value: Buffer): void => {
        base.rows.set(key, value);
        store.of('jobs').first();
      };
      const other = (count: number, bytes: number): Buffer => {
        const { base: another, store: source } = stored();
        fill(source, 1, count, bytes);
        another.checkpoint(source);
        return [...another.rows.values()][0] as Buffer;
      };
      expect(() => met(other(3, 11))).to.throw(
        'message 1 of queue jobs has 10 bytes, and in the base message 1 has 11',
      );
      expect(() => met(other(2, 10))).to.throw('queue jobs has 3 messages from 1 on, and in the base 2');
      expect(() => met(Buffer.concat([row, Buffer.from('x')]))).to.throw('31 bytes of bodies instead of 30');
      expect(() => met(row.subarray(0, 20))).to.throw('ends too early');
      expect(() => met(Buffer.concat([Buffer.from([9]), row.subarray(1)]))).to.throw('form 9');
      base.rows.delete(key);
      expect(() => store.of('jobs').body(2)).to.throw('messages from 1 on of queue jobs are neither in memory nor');
      expect(() => [...store.rows()]).to.throw('neither in memory');
      base.rows.set(key, row);
      drain(store, 3, 10);
    });
  });

  describe('read back after a restart', () => {
    it('is clean, with bodies in memory as far as there is room', () => {
      const { base, open, store } = stored(100_000);
      fill(store, 1, 1000, 256);
      base.checkpoint(store);
      const loaded = open();
      base.restore(loaded);
      expect([loaded.size, loaded.of('jobs').bytes, loaded.dirty]).to.deep.equal([1000, 256_000, 0]);
      expect(loaded.resident).to.be.within(60_000, 100_000);
      drain(loaded, 250, 256);
      expect(base.reads, 'the front is there').to.equal(0);
      drain(loaded, 750, 256);
      expect(base.checkpoint(loaded), 'all of them went').to.equal(4);
      expect(base.rows.size).to.equal(0);
    });

    it('knows what was gone', () => {
      const { base, open, store } = stored();
      fill(store, 1, 1000, 256);
      base.checkpoint(store);
      drain(store, 300, 256);
      for (let id = 400; id < 500; id += 3) store.of('jobs').remove(id);
      base.checkpoint(store);
      const loaded = open();
      base.restore(loaded);
      expect([loaded.size, loaded.of('jobs').bytes]).to.deep.equal([store.size, store.of('jobs').bytes]);
      expect(loaded.of('jobs').first()?.id).to.equal(301);
      expect(loaded.of('jobs').body(403)).to.equal(undefined);
      expect(shownRows(loaded)).to.deep.equal(shownRows(store));
      expect(base.checkpoint(loaded)).to.equal(0);
      drain(loaded, loaded.size, 256);
      base.checkpoint(loaded);
      expect(base.rows.size).to.equal(0);
    });

    it('takes no row that it cannot have written', () => {
      const { base, open, store } = stored();
      fill(store, 1, 20, 8);
      base.checkpoint(store);
      drain(store, 1, 8);
      base.checkpoint(store);
      const [[first, bodies], [second, states]] = [...base.rows].sort() as [[string, Buffer], [string, Buffer]];
      const load = (...rows: [string, Buffer][]) => {
        const into = open();
        for (const [key, value] of rows) into.load(Buffer.from(key, 'hex'), value);
      };
      load([first, bodies], [second, states]);
      expect(() => load([second, states])).to.throw('behind no row of messages');
      expect(() => load([first, bodies], [second, Buffer.from([1, 0, 0])])).to.throw('not one of 20 messages');
      expect(() => load([first, bodies], [second, Buffer.from([1, 255, 255, 15])])).to.throw('leaves no message');
      expect(() => load([first, bodies], [second, Buffer.from([7, 0, 0, 0])])).to.throw('form 7');
      expect(() => load([first, Buffer.from([1, 0, 0])])).to.throw('too early');
      expect(() => load([`${first.slice(0, -2)}05`, bodies])).to.throw('unknown kind 5');
      const disordered = Buffer.from(bodies);
      disordered.writeUInt32LE(5, 3);
      expect(() => load([first, disordered])).to.throw('out of order');
    });

    it('goes on behind the last message', () => {
      const { base, open, store } = stored();
      fill(store, 1, 10, 256);
      base.checkpoint(store);
      const loaded = open();
      base.restore(loaded);
      fill(loaded, 11, 20, 256);
      expect(base.checkpoint(loaded), 'all of them in one row').to.equal(1);
      expect(base.rows.size).to.equal(1);
      drain(loaded, 20, 256);
    });

    it('writes no bodies again but those of a small chunk', () => {
      const { base, open, store } = stored();
      fill(store, 1, 100, 256);
      base.checkpoint(store);
      const loaded = open();
      base.restore(loaded);
      fill(loaded, 101, 101, 256);
      const bytes = base.bytesTold;
      expect(base.checkpoint(loaded)).to.equal(1);
      expect(base.bytesTold - bytes).to.be.within(256, 300);
      drain(loaded, 101, 256);
    });
  });

  describe('fetching ahead', () => {
    /** A store of queues with 4,000 messages of 256 bytes each, all bodies away. */
    function away(...queues: string[]) {
      const { base, store } = stored();
      for (const queue of queues) fill(store, 1, 4000, 256, queue);
      base.checkpoint(store);
      store.shrink(0);
      return { base, store };
    }

    it('has bodies in memory before they are wanted, where messages are consumed', () => {
      const { base, store } = away('jobs', 'idle');
      let missed = 0;
      for (let turn = 0; turn < 35; turn++) {
        const { reads } = base;
        drain(store, turn === 0 ? 1 : 100, 256);
        missed += base.reads - reads;
        store.prefetch(1 << 20);
      }
      expect(missed, 'the first one only').to.equal(1);
      expect(store.resident, 'what is left, and no more').to.be.within(100_000, 300_000);
      drain(store, 1, 256, 'idle');
      expect(base.reads, 'nobody had taken from this one').to.equal(17);
    });

    it('has nothing to do for a queue that was consumed to its end', () => {
      const { base, store } = away('jobs');
      drain(store, 4000, 256);
      const { reads } = base;
      store.prefetch(1 << 20);
      expect(base.reads).to.equal(reads);
      expect(store.resident).to.equal(0);
    });

    it('takes no more at a time than it is told, but for a chunk, and nothing without consumption', () => {
      const { base, store } = away('jobs');
      store.prefetch(1 << 20);
      expect(base.reads).to.equal(0);
      drain(store, 300, 256);
      const { reads } = base;
      store.prefetch(3200);
      expect(base.reads - reads, 'a chunk').to.equal(1);
      store.prefetch(100_000);
      expect(base.reads - reads, 'two more').to.equal(3);
      for (let turn = 0; turn < 10_000; turn++) store.prefetch(1 << 20);
      const credit = base.reads - reads;
      expect(credit, 'in proportion').to.be.within(3, 6);
      store.shrink(0);
      store.prefetch(1 << 20);
      expect(base.reads - reads, 'what was let go is not fetched again').to.equal(credit);
    });

    it('serves all queues that are consumed', () => {
      const { base, store } = away('a', 'b', 'c');
      for (const queue of ['a', 'b', 'c']) drain(store, 50, 256, queue);
      store.prefetch(200_000);
      const { reads } = base;
      for (const queue of ['a', 'b', 'c']) drain(store, 50, 256, queue);
      expect(base.reads - reads).to.equal(0);
    });
  });
});

/** A store with these rows. */
function restoredFrom(rows: readonly ShownRow[]): Messages {
  const store = new Messages();
  for (const [key, value] of rows) store.load(Buffer.from(key, 'hex'), Buffer.from(value, 'latin1'));
  return store;
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

/** Bytes of JavaScript heap that are really in use. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
