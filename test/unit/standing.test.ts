/** How a group stands is what would become of it: by trying every failure, with voters that are under repair among them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, riskOf, standingOf, type Voter } from '../../tui/session/standing.js';

/** Voters of a group: `n1 n2* n3-`: n2 is under repair, n3 is not there; `n4°`: under repair, and follows nobody yet. */
function voters(text: string): Voter[] {
  return text.split(' ').map((word) => ({
    id: word.slice(0, 2),
    alive: !word.endsWith('-') && !word.endsWith('°'),
    repairing: word.endsWith('*') || word.endsWith('°'),
  }));
}

describe('how a group stands', () => {
  it('is safe, at the edge or lost by the majority of its voters', () => {
    const none = { repairing: [], majority: 2 };
    expect(standingOf(voters('n1 n2 n3'), 'n1')).to.deep.equal({ ...none, level: 'safe', alive: 3, critical: [] });
    const two = { ...none, level: 'edge', alive: 2, critical: ['n1', 'n2'] };
    expect(standingOf(voters('n1 n2 n3-'), 'n1')).to.deep.equal(two);
    expect(standingOf(voters('n1 n2 n3-'), '')).to.deep.equal(two);
    const one = { ...none, level: 'lost', alive: 1, critical: [] };
    expect(standingOf(voters('n1 n2- n3-'), 'n1')).to.deep.equal(one);
  });

  it('counts no vote of one under repair, but what it acknowledges to a leader that there is', () => {
    const standing = (text: string, leader: string) => {
      const { level, alive, critical } = standingOf(voters(text), leader);
      return [level, alive, critical.join(' ')];
    };
    expect(standing('n1 n2 n3*', 'n1'), 'without n1 nobody gets two votes').to.deep.equal(['edge', 2, 'n1']);
    expect(standing('n1 n2 n3*', ''), 'both are needed for a leader').to.deep.equal(['edge', 2, 'n1 n2']);
    expect(standing('n1 n2- n3*', 'n1'), 'it goes on, by a hair').to.deep.equal(['edge', 1, 'n1 n3']);
    expect(standing('n1 n2 n3°', 'n1'), 'it acknowledges nothing').to.deep.equal(['edge', 2, 'n1 n2']);
    expect(standingOf(voters('n1 n2 n3°'), 'n1').repairing).to.deep.equal(['n3']);
    expect(standing('n1 n2- n3*', ''), 'no leader, and none to come').to.deep.equal(['lost', 1, '']);
    expect(standing('n1 n2 n3 n4 n5*', 'n1'), 'three votes are left').to.deep.equal(['safe', 4, '']);
    expect(standing('n1 n2 n3 n4* n5*', 'n1')).to.deep.equal(['edge', 3, 'n1']);
  });

  it('names as critical exactly those without whom it is lost', () => {
    const voter = fc.record({ alive: fc.boolean(), repairing: fc.boolean() });
    fc.assert(
      fc.property(fc.array(voter, { minLength: 1, maxLength: 7 }), fc.nat(6), (drawn, nth) => {
        const all = drawn.map((one, i) => ({ ...one, id: `n${i}` }));
        // A leader is there and has its vote.
        const leader = all.find(({ alive, repairing }, i) => alive && !repairing && i >= nth)?.id ?? '';
        const standing = standingOf(all, leader);
        for (const { id, alive } of all) {
          const without = all.map((one) => (one.id === id ? { ...one, alive: false } : one));
          const after = standingOf(without, id === leader ? '' : leader);
          const isCritical = alive && standing.level !== 'lost' && after.level === 'lost';
          expect(standing.critical.includes(id)).to.equal(isCritical);
        }
        expect(standing.level === 'edge').to.equal(standing.critical.length > 0);
      }),
    );
  });

  it('is told as what one more failure stops, or by whose', () => {
    const group = (id: string, critical: string[], repairing: string[] = []) => ({ id, critical, repairing });
    expect(riskOf([group('c', ['n1', 'n2']), group('s0', ['n1', 'n2'])], idsOf)).to.equal(
      'one more failure stops c, s0',
    );
    const apart = [group('c', ['n1'], ['n3']), group('s0', ['n2'], ['n3']), group('s1', ['n1'], ['n3'])];
    expect(riskOf(apart, idsOf)).to.equal('losing n1 stops c, s1; losing n2 stops s0');
    const together = [group('c', ['n1', 'n2'], ['n3']), group('s0', ['n1', 'n2'], ['n3'])];
    expect(riskOf(together, idsOf)).to.equal('losing n1 or n2 stops c, s0');
    expect(idsOf(['s0', 's1', 's2', 's3', 's4', 's5'].map((id) => ({ id })))).to.equal('s0, s1, s2, s3 and 2 more');
  });
});
