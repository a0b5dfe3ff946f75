/** Replicas that keep locks and semaphores: the same entries bring all of them to the same state, however they came to where they were. */
import { expect } from 'chai';
import fc from 'fast-check';
import { coordinationMachine } from '../../node/services/group-machine.js';
import { Tables } from '../../node/services/tables.js';
import { lockEntries, steps } from './lock-entries.js';
import { LockGroup } from './lock-words.js';
import { restless } from './restless-table.js';
import { feedRows, rowsOf } from './strict-tables.js';

describe('replicas that keep locks and semaphores', () => {
  it('come to the same outcomes, the same state and the same deadline', () => {
    fc.assert(
      fc.property(steps, fc.nat(120), (list, restart) => {
        const plain = coordinationMachine();
        const stirred = coordinationMachine(new Tables(restless));
        let tables = new Tables();
        let restarted = coordinationMachine(tables);
        let time = 0;
        lockEntries(list).forEach(([entry, ms], i) => {
          if (i === restart) {
            const rows = rowsOf(tables);
            tables = new Tables();
            restarted = coordinationMachine(tables);
            feedRows(rows, tables);
            restarted.machine.restored(time);
          }
          time += ms;
          const at = { index: i + 1, term: 1, time };
          const applied = plain.machine.applyEntry(entry, at);
          expect(stirred.machine.applyEntry(entry, at)).to.deep.equal(applied);
          expect(restarted.machine.applyEntry(entry, at)).to.deep.equal(applied);
          expect(restarted.locks.floor(at.index)).to.equal(plain.locks.floor(at.index));
        });
        for (const other of [stirred, restarted]) {
          expect(other.machine.fingerprint()).to.equal(plain.machine.fingerprint());
          expect(other.machine.deadline()).to.equal(plain.machine.deadline());
          expect(other.machine.holdings()).to.deep.equal(plain.machine.holdings());
        }
      }),
      { numRuns: 250 },
    );
  }).timeout(30_000);

  it('tell different states apart', () => {
    const group = new LockGroup();
    const [a, b] = [group.session(), group.session()];
    const seen = new Set<string>();
    const differs = (): void => {
      const now = group.coordination.machine.fingerprint();
      expect(seen.has(now)).to.equal(false);
      seen.add(now);
    };
    for (const happens of [
      () => a.acquire('k:s'),
      () => a.acquire('k:s'),
      () => b.acquire('k:s', { note: 'x' }),
      () => a.convert('k', { wait: 100 }),
      () => b.release('k'),
      () => b.acquire('k', { wait: 100, delay: 5 }),
      () => a.revoke('k', 50),
      () => group.wait(50),
      () => group.expire(b),
      () => group.wait(5),
    ]) {
      happens();
      differs();
    }
  });
});
