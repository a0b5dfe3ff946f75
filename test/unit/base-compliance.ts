/** What every form of Bases promises: one suite that the real and the simulated one both pass. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ROW_KEY_BYTES_MAX, RowPacker } from '../../node/packed-rows.js';
import type { Base, Bases, BaseWrite, Row } from '../../node/storage/base.js';
import type { Done } from '../../node/world.js';
import { codeOf } from './files-compliance.js';

/** Bases with what a test needs besides. */
export interface BasesUnderTest {
  readonly bases: Bases;
  /** Where there is no base yet. */
  readonly folder: string;
  /** Makes a call and lets the world go on until it is over. */
  call<T>(make: (done: Done<T>) => void): Promise<T>;
  /** Flips a bit of the only row in the base, which is closed. */
  rot(): Promise<void>;
  /** Sees to it that the commit of this transaction fails at its end. */
  sabotage(write: BaseWrite): void;
}

type Entry = readonly [key: string | Buffer, value: string | Buffer | null];

/** Rows as a base takes them; null deletes. */
export function pack(entries: Iterable<Entry>): Buffer {
  const packer = new RowPacker(64 << 10);
  for (const [key, value] of entries)
    if (value === null) packer.delete(Buffer.from(key));
    else packer.put(Buffer.from(key), Buffer.from(value));
  return packer.take();
}

/** Declares the suite. `make` gives bases of which nobody has heard. */
export function baseCompliance(name: string, make: () => BasesUnderTest): void {
  describe(`a base, ${name}`, () => {
    let under: BasesUnderTest;
    let base: Base;

    const open = async () => {
      const opened = await under.call<Base | null>((done) => under.bases.open(under.folder, done));
      if (opened === null) throw new Error('no base');
      return opened;
    };
    const close = (one = base) => under.call<void>((done) => one.close(() => done(null)));
    const reopen = async () => {
      await close();
      base = await open();
    };
    const writing = (space: number, entries: Iterable<Entry>) => {
      const write = base.begin();
      write.add(space, pack(entries));
      return write;
    };
    const commit = (write: BaseWrite, head?: readonly [group: string, bytes: string]) => {
      const told = head ? { group: head[0], bytes: Buffer.from(head[1]) } : null;
      return under.call<void>((done) => write.commit(told, done));
    };
    const put = (space: number, ...entries: Entry[]) => commit(writing(space, entries));
    const drop = (space: number) => under.call<void>((done) => base.drop(space, done));
    const get = (space: number, key: string) => base.get(space, Buffer.from(key))?.toString();
    const rowsOf = (space: number, after: string | null = null): Row[] => {
      const reader = base.read(space, after === null ? null : Buffer.from(after));
      const rows: Row[] = [];
      for (let next = reader.next(100); next.length > 0; next = reader.next(100)) rows.push(...next);
      reader.close();
      return rows;
    };
    const all = (space: number, after: string | null = null) =>
      rowsOf(space, after).map(({ key, value }) => `${key}=${value}`);
    const heads = () => [...base.heads()].map(([group, bytes]) => `${group}=${bytes}`).sort();

    beforeEach(async () => {
      under = make();
      base = await open();
    });
    afterEach(() => close());

    it('is empty at first', () => {
      expect([...base.heads()]).to.deep.equal([]);
      expect(base.spaces()).to.deep.equal([]);
      expect(get(1, 'a')).to.equal(undefined);
      expect(all(1)).to.deep.equal([]);
      expect(base.full).to.equal(false);
    });

    it('shows rows and head of a transaction together, and not before it is over', async () => {
      let over = false;
      const write = writing(1, [['a', '1']]);
      const committed = under.call<void>((done) =>
        write.commit({ group: 'g', bytes: Buffer.from('at 1') }, (error) => {
          over = true;
          expect([get(1, 'a'), ...heads()]).to.deep.equal(['1', 'g=at 1']);
          done(error);
        }),
      );
      if (!over) expect([get(1, 'a'), ...heads()]).to.deep.equal([undefined]);
      await committed;
      expect(over).to.equal(true);
    });

    it('never calls back inside the call', async () => {
      const later = (make: (done: Done) => void) =>
        under.call<boolean>((done) => {
          let inside = true;
          make(() => done(null, !inside));
          inside = false;
        });
      const write = writing(1, [['a', '1']]);
      const late = base.begin();
      expect(await later((done) => write.commit(null, done))).to.equal(true);
      expect(await later((done) => base.drop(1, done))).to.equal(true);
      expect(await later((done) => base.close(() => done(null)))).to.equal(true);
      expect(await later((done) => late.commit(null, done))).to.equal(true);
      base = await open();
    });

    it('puts, replaces and deletes', async () => {
      await put(1, ['a', '1'], ['b', '2'], ['c', '']);
      await put(1, ['b', null], ['a', '3'], ['missing', null]);
      expect(all(1)).to.deep.equal(['a=3', 'c=']);
      expect([get(1, 'a'), get(1, 'b'), get(1, 'c')]).to.deep.equal(['3', undefined, '']);
    });

    it('takes a transaction in many pieces, of which the later ones win', async () => {
      const write = writing(1, [
        ['a', '1'],
        ['b', '1'],
      ]);
      await Promise.resolve();
      write.add(2, pack([['a', 'elsewhere']]));
      write.add(
        1,
        pack([
          ['a', '2'],
          ['b', null],
          ['c', null],
          ['c', '2'],
        ]),
      );
      await commit(write);
      expect([...all(1), ...all(2)]).to.deep.equal(['a=2', 'c=2', 'a=elsewhere']);
    });

    it('orders rows by the bytes of their keys', async () => {
      const keys = ['ff', '00', '', '0000', '7f', '80', '61', '6100', '61ff', '62', 'ffff', '0100', '05', '010005'];
      await put(1, ...keys.map((hex) => [Buffer.from(hex, 'hex'), hex] as const));
      const expected = keys.map((hex) => Buffer.from(hex, 'hex')).sort(Buffer.compare);
      expect(rowsOf(1).map(({ key }) => key.toString('hex'))).to.deep.equal(expected.map((key) => key.toString('hex')));
    });

    it('resumes behind a key, whether there is such a row or not', async () => {
      await put(1, ['a', '1'], ['aa', '2'], ['b', '3']);
      expect(all(1, 'a')).to.deep.equal(['aa=2', 'b=3']);
      expect(all(1, 'ab')).to.deep.equal(['b=3']);
      expect(all(1, 'b')).to.deep.equal([]);
    });

    it('reads up to the row that fills the bytes asked for', async () => {
      await put(1, ['a', '12345'], ['b', '12345'], ['c', '12345']);
      const reader = base.read(1, null);
      const sizes = [7, 1, 1000, 1000].map((bytes) => reader.next(bytes).length);
      reader.close();
      expect(sizes).to.deep.equal([2, 1, 0, 0]);
    });

    it('keeps the view of a reader while writes go on', async () => {
      const rows = Array.from({ length: 50 }, (_, i) => [`${100 + i}`, 'old'] as const);
      await put(1, ...rows);
      const reader = base.read(1, null);
      const seen = reader.next(12);
      await put(1, ...rows.map(([key]) => [key, 'new'] as const), ['999', 'new']);
      await put(1, ['100', null], ['120', null]);
      await drop(1);
      for (let next = reader.next(12); next.length > 0; next = reader.next(12)) seen.push(...next);
      reader.close();
      expect(seen.map(({ key, value }) => `${key}${value}`)).to.deep.equal(rows.map(([key]) => `${key}old`));
      expect(all(1)).to.deep.equal([]);
    });

    it('serves several readers and reads at once', async () => {
      await put(1, ['a', '1'], ['b', '1'], ['c', '1']);
      const first = base.read(1, null);
      expect(first.next(1)).to.have.length(1);
      await put(1, ['b', '2']);
      const second = base.read(1, null);
      expect(second.next(1000).map(({ value }) => value.toString())).to.deep.equal(['1', '2', '1']);
      second.close();
      expect([get(1, 'b'), first.next(1000).map(({ value }) => value.toString())]).to.deep.equal(['2', ['1', '1']]);
      first.close();
    });

    it('keeps spaces apart, and drops one of them', async () => {
      const spaces = [0, 1, 2, 255, 256, 2 ** 32, 2 ** 48 - 1];
      const many = Array.from({ length: 100 }, (_, i) => [`${i}`, 'x'] as const);
      for (const space of spaces) await put(space, ...many, ['own', `${space}`]);
      await reopen();
      expect(base.spaces()).to.deep.equal(spaces);
      await drop(1);
      await drop(2 ** 48 - 1);
      expect(spaces.map((space) => get(space, 'own'))).to.deep.equal(
        spaces.map((space) => (space === 1 || space === 2 ** 48 - 1 ? undefined : `${space}`)),
      );
      expect([...all(1), ...all(2 ** 48 - 1)]).to.deep.equal([]);
      await reopen();
      expect(base.spaces()).to.deep.equal([0, 2, 255, 256, 2 ** 32]);
    });

    it('keeps the newest head of each group', async () => {
      await commit(base.begin(), ['g', '1']);
      await commit(writing(1, [['a', '1']]), ['h', '1']);
      await commit(base.begin(), ['g', '2']);
      await put(1, ['b', '1']);
      expect(heads()).to.deep.equal(['g=2', 'h=1']);
      await reopen();
      expect(heads()).to.deep.equal(['g=2', 'h=1']);
    });

    it('has everything again when it is opened again', async () => {
      await put(7, ['a', '1'], ['b', '2']);
      await put(7, ['a', null]);
      const bytes = base.bytes();
      await reopen();
      expect(all(7)).to.deep.equal(['b=2']);
      expect(bytes).to.be.greaterThan(0);
      expect(base.bytes()).to.equal(bytes);
    });

    it('forgets a transaction that was abandoned', async () => {
      const write = writing(1, [['a', '1']]);
      write.abandon();
      await put(1, ['b', '1']);
      expect(all(1)).to.deep.equal(['b=1']);
    });

    it('forgets none that is on its way already', async () => {
      const write = writing(1, [['a', '1']]);
      await under.call<void>((done) => {
        write.commit({ group: 'g', bytes: Buffer.from('head') }, done);
        write.abandon();
      });
      expect(all(1)).to.deep.equal(['a=1']);
    });

    it('commits in the order of the commits', async () => {
      const first = writing(1, [['a', 'begun first']]);
      const second = writing(1, [['a', 'begun second']]);
      const order: string[] = [];
      await under.call<void>((done) => {
        second.commit({ group: 'g', bytes: Buffer.from('second') }, () => order.push('second'));
        first.commit({ group: 'g', bytes: Buffer.from('first') }, (error) => {
          order.push('first');
          done(error);
        });
      });
      expect(order).to.deep.equal(['second', 'first']);
      expect([get(1, 'a'), ...heads()]).to.deep.equal(['begun first', 'g=first']);
    });

    it('waits for what is under way before it closes, and takes nothing afterwards', async () => {
      const order: string[] = [];
      await put(2, ...Array.from({ length: 60 }, (_, i) => [`${i}`, 'x'] as const));
      const reader = base.read(2, null);
      const write = writing(1, [['a', '1']]);
      const late = writing(1, [['a', 'late']]);
      await under.call<void>((done) => {
        write.commit({ group: 'g', bytes: Buffer.from('1') }, (error) => order.push(`committed ${error}`));
        base.drop(2, (error) => order.push(`dropped ${error}`));
        base.close(() => {
          order.push('closed');
          done(null);
        });
      });
      expect(order.sort()).to.deep.equal(['closed', 'committed null', 'dropped null']);
      expect(await codeOf(commit(late))).to.equal('EBADF');
      reader.close();
      base = await open();
      expect([...all(1), ...heads(), ...all(2)]).to.deep.equal(['a=1', 'g=1']);
    });

    it('keeps nothing of a transaction that fails, and takes none after it', async () => {
      await commit(writing(1, [['a', '1']]), ['g', '1']);
      const write = writing(1, [
        ['a', '2'],
        ['b', '2'],
      ]);
      under.sabotage(write);
      const failed = commit(write, ['g', '2']);
      const after = commit(writing(1, [['c', '3']]));
      expect(await codeOf(failed)).not.to.equal('none');
      expect(await codeOf(after)).not.to.equal('none');
      expect(await codeOf(drop(1))).not.to.equal('none');
      expect([...all(1), ...heads()]).to.deep.equal(['a=1', 'g=1']);
      await reopen();
      expect([...all(1), ...heads()]).to.deep.equal(['a=1', 'g=1']);
      await put(1, ['c', '3']);
      expect(all(1)).to.deep.equal(['a=1', 'c=3']);
    });

    it('refuses a row that is not what was written, and no other', async () => {
      await put(1, ['rotten', 'value']);
      await close();
      await under.rot();
      base = await open();
      await put(1, ['a', 'sound']);
      expect(() => get(1, 'rotten'))
        .to.throw(/not what was written/)
        .with.property('code', 'ROT');
      expect(get(1, 'a')).to.equal('sound');
      const reader = base.read(1, null);
      expect(() => reader.next(1000))
        .to.throw(/not what was written/)
        .with.property('code', 'ROT');
      reader.close();
      await put(1, ['rotten', 'written again']);
      expect(get(1, 'rotten')).to.equal('written again');
    });

    it('is inspected while it is closed: every row of it, whoever would die of that', async () => {
      const inspect = () => under.call<boolean>((done) => under.bases.inspect(under.folder, done));
      await put(1, ['sound', 'value']);
      await close();
      expect(await inspect()).to.equal(true);
      base = await open();
      await put(1, ['rotten', 'value']);
      await under.rot();
      await close();
      expect(await inspect()).to.equal(false);
      base = await open();
    });

    it('is set aside, closed, and the next one begins anew', async () => {
      const aside = () => under.call<string | null>((done) => under.bases.setAside(under.folder, done));
      await put(1, ['a', '1']);
      await close();
      const [first, none] = [await aside(), await aside()];
      base = await open();
      expect([...all(1), none]).to.deep.equal([null]);
      await put(1, ['a', '2']);
      await close();
      const second = await aside();
      expect(first).not.to.equal(second);
      const found = [];
      for (const folder of [first, second]) {
        base = await under.call<Base>((done) => under.bases.open(folder ?? '', done as Done<Base | null>));
        found.push(...all(1));
        await close();
      }
      base = await open();
      expect(found).to.deep.equal(['a=1', 'a=2']);
    });

    it('takes keys and values of any size it promises', async () => {
      const key = Buffer.alloc(ROW_KEY_BYTES_MAX, 0xff);
      const value = Buffer.alloc(3 << 20, 'concord!');
      await put(2 ** 48 - 1, [key, value], [key.subarray(1), 'next']);
      expect(base.get(2 ** 48 - 1, key)?.equals(value)).to.equal(true);
      const rows = rowsOf(2 ** 48 - 1);
      expect(rows.map((row) => [row.key.length, row.value.length])).to.deep.equal([
        [ROW_KEY_BYTES_MAX - 1, 4],
        [ROW_KEY_BYTES_MAX, value.length],
      ]);
      expect(rows[1]?.value.equals(value)).to.equal(true);
    });

    it('gives values that stay as they are', async () => {
      await put(1, ['a', 'first'], ['b', 'second']);
      const a = base.get(1, Buffer.from('a'));
      const rows = rowsOf(1);
      get(1, 'b');
      await put(1, ['a', 'third']);
      expect([a, rows[0]?.value].join()).to.equal('first,first');
    });

    it('holds what a map would, whatever is written in whatever order', async () => {
      const key = fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
      const entry = fc.tuple(key, fc.option(fc.string({ maxLength: 20 }), { nil: null }));
      const step = fc.record({ space: fc.nat(2), entries: fc.array(entry, { maxLength: 30 }), again: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 5 }), async (steps) => {
          for (const space of [0, 1, 2]) await drop(space);
          const model = [0, 1, 2].map(() => new Map<string, string>());
          for (const { space, entries, again } of steps) {
            await put(space, ...entries.map(([at, value]) => [Buffer.from(at, 'latin1'), value] as const));
            for (const [at, value] of entries)
              if (value === null) model[space]?.delete(at);
              else model[space]?.set(at, value);
            if (again) await reopen();
          }
          const held = [0, 1, 2].map((space) =>
            rowsOf(space).map(({ key, value }) => [key.toString('latin1'), value.toString()]),
          );
          expect(held).to.deep.equal(model.map((map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))));
        }),
        { numRuns: 12 },
      );
    });
  });
}
