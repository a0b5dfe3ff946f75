/** The line of commands that wait for a queue: who leaves it leaves nothing behind. */
import { expect } from 'chai';
import { Tables } from '../../node/services/tables.js';
import { Waiters } from '../../node/services/waiters.js';

describe('the line of waiting commands', () => {
  it('leaves no row behind, however they leave it', () => {
    const tables = new Tables();
    const line = new Waiters(tables, 'line');
    const empty = tables.fingerprint();
    for (let place = 1; place <= 6; place++)
      line.add(place, { session: (place % 3) + 1, lane: place, deadline: 100 + place });
    expect(line.shift()).to.deep.equal({ session: 2, lane: 1, deadline: 101 });
    expect(line.abandon(3, 2)).to.equal(true);
    expect(line.shiftExpired(102)).to.equal(undefined);
    expect(line.shiftExpired(103)).to.deep.equal({ session: 1, lane: 3, deadline: 103 });
    line.endSession(1);
    expect(line.size).to.equal(2);
    line.endSession(2);
    line.endSession(3);
    expect(line.size).to.equal(0);
    expect(tables.fingerprint()).to.equal(empty);
  });
});
