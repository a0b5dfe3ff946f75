/** Replicas: the same entries, well formed or not, bring all of them to the same state. */
import { expect } from 'chai';
import fc from 'fast-check';
import { sweepEntry } from '../../node/services/entry.js';
import { coordinationMachine, type GroupMachine, shardMachine } from '../../node/services/group-machine.js';
import { Tables } from '../../node/services/tables.js';
import { anyEntry, openEntry } from './entries.js';
import { Replica, valueBytes } from './replica.js';
import { restless } from './restless-table.js';
import { feedRows, rowsOf } from './strict-tables.js';

const A = 11;
const B = 12;

const shard = () => new Replica(shardMachine('s0'));

describe('replicas', () => {
  const machineOf = (group: 'c' | 's0', tables: Tables): GroupMachine =>
    group === 'c' ? coordinationMachine(tables).machine : shardMachine('s0', tables);

  for (const group of ['c', 's0'] as const) {
    it(`of ${group} come to the same state from the same bytes, whatever these are and however their tables came to be`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(anyEntry(group), fc.constantFrom(0, 0, 0, 3)), { maxLength: 120, size: 'max' }),
          fc.nat(120),
          (list, restart) => {
            const plain = machineOf(group, new Tables());
            const stirred = machineOf(group, new Tables(restless));
            let tables = new Tables();
            let restarted = machineOf(group, tables);
            let time = 0;
            // In `c`, the sessions that the entries are about are opened first: their ids are the indexes of these entries.
            const opened = [1, 2, 3, 4, 5].map((): [Buffer, number] => [openEntry('cli-1', 10_000), 0]);
            [...opened, ...list].forEach(([one, ms], i) => {
              if (i === restart) {
                const rows = rowsOf(tables);
                tables = new Tables();
                restarted = machineOf(group, tables);
                feedRows(rows, tables);
                restarted.restored(time);
              }
              time += ms;
              const at = { index: i + 1, term: 1, time };
              const applied = plain.applyEntry(one, at);
              expect(stirred.applyEntry(one, at)).to.deep.equal(applied);
              expect(restarted.applyEntry(one, at)).to.deep.equal(applied);
            });
            expect(stirred.fingerprint()).to.equal(plain.fingerprint());
            expect(restarted.fingerprint()).to.equal(plain.fingerprint());
            expect(restarted.deadline()).to.equal(plain.deadline());
          },
        ),
        { numRuns: 120 },
      );
    });
  }

  it('tell different states apart', () => {
    const seen = new Set<string>();
    const s0 = shard();
    const note = (): void => {
      const now = s0.machine.fingerprint();
      expect(seen.has(now)).to.equal(false);
      seen.add(now);
    };
    note();
    s0.run(A, 1, 'queue.enqueue', [valueBytes('x')]);
    note();
    s0.run(B, 1, 'queue.dequeue', [0]);
    note();
    s0.run(B, 2, 'queue.dequeue', [10]);
    note();
    s0.wait(10);
    note();
    s0.run(B, 3, 'lane.confirm', [[2]]);
    note();
    s0.apply(sweepEntry(50, []));
    note();
    s0.apply(sweepEntry(50, [A]));
    note();
  });
});
