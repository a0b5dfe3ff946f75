/** The lines of commands that wait for queues: who leaves one leaves nothing behind. */
import { expect } from 'chai';
import { Tables } from '../../node/services/tables.js';
import { Waiters } from '../../node/services/waiters.js';

describe('the line of waiting commands', () => {
  it('leaves no row behind, however they leave it', () => {
    const tables = new Tables();
    const lines = new Waiters(tables, 'lines');
    const empty = tables.fingerprint();
    for (let place = 1; place <= 6; place++)
      lines.add('jobs', place, { session: (place % 3) + 1, lane: place, deadline: 100 + place });
    expect(lines.shift('jobs')).to.deep.equal({ session: 2, lane: 1, deadline: 101 });
    expect(lines.abandon(3, 2)).to.equal(true);
    expect(lines.shiftExpired(102)).to.equal(undefined);
    expect(lines.shiftExpired(103)).to.deep.equal({ session: 1, lane: 3, deadline: 103 });
    lines.endSession(1);
    expect(lines.size).to.equal(2);
    lines.endSession(2);
    lines.endSession(3);
    expect(lines.size).to.equal(0);
    expect(lines.deadline()).to.equal(Number.POSITIVE_INFINITY);
    expect(tables.fingerprint()).to.equal(empty);
  });

  it('is one of its own for each queue, but for deadlines and sessions', () => {
    const lines = new Waiters(new Tables(), 'lines');
    lines.add('b', 1, { session: 1, lane: 1, deadline: 30 });
    lines.add('a', 2, { session: 1, lane: 2, deadline: 20 });
    lines.add('b', 3, { session: 2, lane: 1, deadline: 10 });
    lines.add('b', 4, { session: 2, lane: 2, deadline: 40 });
    expect(['a', 'b', 'c'].map((queue) => lines.lengthOf(queue))).to.deep.equal([1, 3, 0]);
    expect(lines.shift('c')).to.equal(undefined);
    expect(lines.shift('b')?.deadline).to.equal(30);
    expect(lines.shiftExpired(30)?.deadline).to.equal(10);
    expect(lines.shiftExpired(30)?.deadline).to.equal(20);
    expect(['a', 'b', 'c'].map((queue) => lines.lengthOf(queue))).to.deep.equal([0, 1, 0]);
    expect(lines.shift('a'), 'the line behind is that of b').to.equal(undefined);
  });

  it('is told from its rows', () => {
    const tables = new Tables();
    const lines = new Waiters(tables, 'lines');
    for (let place = 1; place <= 4; place++)
      lines.add(place % 2 === 0 ? 'a' : 'b', place, { session: place, lane: 1, deadline: 100 - place });
    const copies = new Tables();
    const copy = new Waiters(copies, 'lines');
    for (const [key, value] of tables.rows()) copies.feed(key, value);
    copy.restored();
    expect(copy.lengthOf('a')).to.equal(2);
    expect(copy.deadline()).to.equal(96);
    expect(copy.abandon(3, 1)).to.equal(true);
    expect(copy.shift('b')).to.deep.equal({ session: 1, lane: 1, deadline: 99 });
  });
});
