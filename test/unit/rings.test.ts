/** Rings in place of maps that are filled and emptied all the time: the requests on a link, and who waits for which entry. */
import { expect } from 'chai';
import fc from 'fast-check';
import { InOrder } from '../../node/in-order.js';
import { Requests } from '../../protocol/client/requests.js';

describe('requests by correlation id', () => {
  it('come back once, by the id that they were given', () => {
    const requests = new Requests<string>();
    const ids = ['a', 'b', 'c'].map((one) => requests.add(one));
    expect(new Set(ids).size).to.equal(3);
    expect(requests.take(ids[1] ?? 0)).to.equal('b');
    expect(requests.take(ids[1] ?? 0)).to.equal(undefined);
    expect(requests.size).to.equal(2);
    expect(requests.clear()).to.deep.equal(['a', 'c']);
    expect([requests.size, requests.take(ids[0] ?? 0), requests.clear()]).to.deep.equal([0, undefined, []]);
  });

  it('are as in a map, however they come and go', () => {
    const steps = fc.array(fc.oneof(fc.constant('add' as const), fc.nat()), { maxLength: 600 });
    fc.assert(
      fc.property(steps, (todo) => {
        const requests = new Requests<number>();
        const model = new Map<number, number>();
        todo.forEach((step, i) => {
          if (step === 'add') {
            const id = requests.add(i);
            expect(id).to.be.within(1, 2 ** 30 - 1);
            expect(model.has(id)).to.equal(false);
            model.set(id, i);
          } else {
            const id = [...model.keys()][step % Math.max(1, model.size)] ?? step;
            expect(requests.take(id)).to.equal(model.get(id));
            model.delete(id);
          }
          expect(requests.size).to.equal(model.size);
        });
        expect(requests.clear()).to.deep.equal([...model.values()]);
      }),
    );
  });

  it('are kept however many there are', () => {
    const requests = new Requests<number>();
    const ids = Array.from({ length: 1000 }, (_, i) => requests.add(i));
    expect(ids.filter((_, i) => i % 3 === 0).map((id) => requests.take(id))).to.deep.equal(
      Array.from({ length: 334 }, (_, i) => 3 * i),
    );
    expect(requests.size).to.equal(666);
    expect(requests.clear().slice(0, 4)).to.deep.equal([1, 2, 4, 5]);
  });

  it('keep an old one while thousands of others come and go', () => {
    const requests = new Requests<string>();
    const old = requests.add('old');
    for (let i = 0; i < 100_000; i++) {
      const id = requests.add('new');
      expect(id).to.not.equal(old);
      requests.take(id);
    }
    expect(requests.take(old)).to.equal('old');
  });

  it('are not taken for others by an id of long ago', () => {
    const requests = new Requests<string>();
    const gone = requests.add('gone');
    requests.take(gone);
    for (let i = 0; i < 1000; i++) {
      const id = requests.add('new');
      expect(requests.take(gone)).to.equal(undefined);
      requests.take(id);
    }
  });
});

describe('values in the order of their indexes', () => {
  it('are as in a map, however they come and go', () => {
    const steps = fc.array(fc.record({ add: fc.nat(3), take: fc.nat(3) }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (todo) => {
        const values = new InOrder<number>();
        let model: [number, number][] = [];
        let added = 0;
        let taken = 0;
        for (const { add, take } of todo) {
          for (let i = 0; i < add; i++) {
            // Not every index has somebody who waits.
            added += 1 + (added % 2);
            values.add(added, -added);
            model.push([added, -added]);
          }
          for (let i = 0; i < take && taken < added; i++) {
            taken++;
            expect(values.take(taken)).to.equal(model.find(([index]) => index === taken)?.[1]);
            model = model.filter(([index]) => index > taken);
          }
          expect(values.size).to.equal(model.length);
        }
        expect(values.clear()).to.deep.equal(model.map(([, value]) => value));
      }),
    );
  });

  it('are kept however many there are', () => {
    const values = new InOrder<number>();
    let added = 0;
    let taken = 0;
    for (const more of [50, 60, 300, 1000]) {
      for (let i = 0; i < more; i++) values.add(++added, added);
      for (let i = 0; i < more / 2; i++) expect(values.take(++taken)).to.equal(taken);
    }
    const left = Array.from({ length: added - taken }, (_, i) => taken + 1 + i);
    expect(values.clear()).to.deep.equal(left);
  });

  it('begin anew when they are cleared', () => {
    const values = new InOrder<string>();
    values.add(9, 'nine');
    expect(values.clear()).to.deep.equal(['nine']);
    values.add(3, 'three');
    expect([values.take(9), values.size]).to.deep.equal([undefined, 0]);
  });

  it('never fall', () => {
    const values = new InOrder<string>();
    values.add(9, 'nine');
    expect(() => values.add(9, 'again')).to.throw('not above 9');
    values.take(9);
    expect(() => values.add(8, 'eight')).to.throw('not above 9');
  });
});
