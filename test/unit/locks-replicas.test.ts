/** Replicas that keep locks and semaphores: the same entries bring all of them to the same state, however they came to where they were. */
import { expect } from 'chai';
import fc from 'fast-check';
import { commandEntry, expireEntry, tickEntry } from '../../node/services/entry.js';
import { coordinationMachine } from '../../node/services/group-machine.js';
import { Tables } from '../../node/services/tables.js';
import type { ArgumentOf, OperationName } from '../../protocol/operations.js';
import { openEntry } from './entries.js';
import { LockGroup } from './lock-words.js';
import { envelopeOf } from './replica.js';
import { restless } from './restless-table.js';

const SESSIONS = [1, 2, 3, 4];
const session = fc.constantFrom(...SESSIONS);
const owner = fc.constantFrom(1, 2);
const lock = fc.constantFrom('a', 'b', 'c', '');
const mode = fc.constantFrom(1, 2, 3, 3, 4);
const wait = fc.constantFrom(0, 5, 40, 1000);

/** A command of a session: its number comes when it is sent. */
const command = <N extends OperationName>(name: N, argument: fc.Arbitrary<ArgumentOf<N>>) =>
  fc.tuple(session, argument).map(([of, value]) => ({ of, name: name as OperationName, value: value as unknown }));
const commands = fc.oneof(
  {
    weight: 8,
    arbitrary: command(
      'lock.acquire',
      fc.tuple(
        owner,
        fc.array(fc.tuple(lock, mode), { maxLength: 3 }),
        wait,
        fc.constantFrom(0, 0, 8),
        fc.constantFrom(0, 6),
        fc.constantFrom(0, 3),
        fc.constantFrom('', 'note'),
      ),
    ),
  },
  { weight: 4, arbitrary: command('lock.release', fc.tuple(owner, lock, fc.constantFrom(0, 0, 9), fc.nat(2))) },
  { weight: 2, arbitrary: command('lock.convert', fc.tuple(owner, lock, mode, wait, fc.constant(0))) },
  { weight: 1, arbitrary: command('lock.revoke', fc.tuple(lock, fc.constantFrom(0, 5))) },
  { weight: 1, arbitrary: command('lock.news', fc.tuple(fc.nat(5), wait)) },
  { weight: 1, arbitrary: command('lane.void', fc.constant([] as [])) },
  { weight: 1, arbitrary: command('session.close', fc.tuple(session)) },
  { weight: 2, arbitrary: command('sem.set', fc.tuple(lock, fc.nat(4))) },
  { weight: 3, arbitrary: command('sem.acquire', fc.tuple(owner, lock, fc.nat(3), wait)) },
  { weight: 2, arbitrary: command('sem.release', fc.tuple(owner, lock, fc.nat(3))) },
);
type Step =
  | { readonly of: number; readonly name: OperationName; readonly value: unknown }
  | { readonly ids: number[] }
  | null;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: commands as fc.Arbitrary<Step> },
  { weight: 1, arbitrary: fc.array(session, { maxLength: 2 }).map((ids) => ({ ids })) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 0, 3, 9), fc.nat(4)), { maxLength: 120, size: 'max' });

/** Entries from steps: numbers in order, but for a void, which may be about any number that was sent. */
function entriesOf(list: readonly [Step, number, number][]): [Buffer, number][] {
  const lanes = new Map<number, number>();
  return list.map(([one, ms, back]) => {
    if (one === null) return [tickEntry(), ms];
    if ('ids' in one) return [expireEntry(one.ids), ms];
    const last = lanes.get(one.of) ?? 0;
    const lane = one.name === 'lane.void' && last > 0 ? Math.max(1, last - back) : last + 1;
    lanes.set(one.of, Math.max(last, lane));
    return [commandEntry(envelopeOf('c', one.of, lane, one.name, one.value as never)), ms];
  });
}

describe('replicas that keep locks and semaphores', () => {
  it('come to the same outcomes, the same state and the same deadline', () => {
    fc.assert(
      fc.property(steps, fc.nat(120), (list, restart) => {
        const plain = coordinationMachine();
        const stirred = coordinationMachine(new Tables(restless));
        const tables = new Tables();
        let restarted = coordinationMachine(tables);
        let time = 0;
        const opened = SESSIONS.map((): [Buffer, number] => [openEntry('cli', 10_000), 0]);
        [...opened, ...entriesOf(list)].forEach(([entry, ms], i) => {
          time += ms;
          const at = { index: i + 1, term: 1, time };
          if (i === restart) restarted = coordinationMachine(tables);
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
